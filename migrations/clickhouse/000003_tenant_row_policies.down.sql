-- Takes the row policies away; the role stays where another database of the server still uses it.

-- @statement requires=access-control
drop row policy if exists tenant_isolation {{on_cluster}}
on {{database}}.executions, {{database}}.executions_hourly, {{database}}.workload_events,
   {{database}}.aggregated_metrics_hourly, {{database}}.user_activity

-- @statement requires=access-control
revoke {{on_cluster}} select, insert on {{database}}.* from netra_app
