-- Sessions are many and their names long: grouping by eight bytes takes half the time of grouping by the names.

-- @statement
alter table execution_totals {{on_cluster}}
  add column if not exists key_hash UInt64 materialized ifNull(cityHash64(key), 0) after key

-- Those of before, in the background; until then they are computed when they are read.
-- @statement
alter table execution_totals {{on_cluster}} materialize column key_hash
