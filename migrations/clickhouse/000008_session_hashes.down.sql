-- @statement
alter table execution_totals {{on_cluster}} drop column if exists key_hash
