-- What is derived from inserted rows is derived with the rights of whoever migrates, not of whoever inserts: a row policy
-- that hides rows from the inserting login hid them from the materialized views as well, so that a login with the role
-- netra_app filled the tables and nothing that is added up from them. The login that migrates has to stay: it is the definer.

-- @statement
alter table executions_hourly_feed {{on_cluster}} modify sql security definer definer = current_user

-- @statement
alter table aggregated_metrics_feed {{on_cluster}} modify sql security definer definer = current_user

-- @statement
alter table user_activity_feed {{on_cluster}} modify sql security definer definer = current_user

-- @statement
alter table execution_totals_feed {{on_cluster}} modify sql security definer definer = current_user
