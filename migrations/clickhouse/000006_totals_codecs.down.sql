-- Parts are rewritten when they are merged; both kinds can be read meanwhile.

-- Removing a codec that is not there is an error: naming one first bears being run again.
-- @statement
alter table execution_totals {{on_cluster}}
  modify column costs codec(Default),
  modify column times codec(Default)

-- @statement
alter table execution_totals {{on_cluster}}
  modify column costs remove codec,
  modify column times remove codec
