-- Costs and times in the sums with their leading zeros cut off: two thirds of the room, and read in half the time. Parts
-- written before take it up when they are merged.

-- @statement
alter table execution_totals {{on_cluster}}
  modify column costs codec(T64, LZ4),
  modify column times codec(T64, LZ4)
