-- Removes the analytics copy of the executions; the ledger keeps them.

-- @statement
drop view if exists executions_hourly_feed {{on_cluster}} sync

-- @statement
drop table if exists executions_hourly {{on_cluster}} sync

-- @statement
drop table if exists executions {{on_cluster}} sync
