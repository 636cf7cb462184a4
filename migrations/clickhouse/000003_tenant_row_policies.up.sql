-- Row policies for the application, on servers that have access control: whatever the statement says, a user with the
-- role netra_app sees only the organization named in the setting SQL_organization_id, and nothing without it.
-- (The server allows settings of that prefix by default: custom_settings_prefixes = SQL_.)
-- Users without the role, such as the one who migrates, are not restricted. Give it with: grant netra_app to <user>

-- @statement requires=access-control
create role if not exists netra_app {{on_cluster}}

-- @statement requires=access-control
grant {{on_cluster}} select, insert on {{database}}.* to netra_app

-- @statement requires=access-control
grant {{on_cluster}} show row policies on *.* to netra_app

-- @statement requires=access-control
create row policy if not exists tenant_isolation {{on_cluster}}
on {{database}}.executions, {{database}}.executions_hourly, {{database}}.workload_events,
   {{database}}.aggregated_metrics_hourly, {{database}}.user_activity
using organization_id = toUUIDOrZero(getSettingOrDefault('SQL_organization_id', ''))
to netra_app
