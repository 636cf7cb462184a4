-- Removes workload events and what is derived from them.

-- @statement
drop view if exists recent_workloads {{on_cluster}}

-- @statement
drop view if exists user_activity_feed {{on_cluster}} sync

-- @statement
drop table if exists user_activity {{on_cluster}} sync

-- @statement
drop view if exists aggregated_metrics {{on_cluster}}

-- @statement
drop view if exists aggregated_metrics_feed {{on_cluster}} sync

-- @statement
drop table if exists aggregated_metrics_hourly {{on_cluster}} sync

-- @statement
drop table if exists workload_events {{on_cluster}} sync
