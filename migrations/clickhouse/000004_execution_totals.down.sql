-- Removes the sums; the executions themselves stay, and questions are answered from them.

-- @statement requires=access-control
drop row policy if exists tenant_isolation {{on_cluster}}
on {{database}}.execution_totals

-- @statement
drop view if exists execution_totals_feed {{on_cluster}} sync

-- @statement
drop table if exists execution_totals {{on_cluster}} sync
