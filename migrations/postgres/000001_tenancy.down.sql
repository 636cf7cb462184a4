-- Removes all tenants. The roles stay where another database of the server still uses them.
set local lock_timeout = '5s';

drop table audit_logs;
drop function find_api_key(bytea);
drop table api_keys;
drop table users;
drop table organizations;
drop function update_updated_at_column();
drop function current_organization_id();

drop owned by netra_app;
drop owned by netra_system;

do $$
begin
  drop role netra_app;
exception when dependent_objects_still_exist then null;
end
$$;

do $$
begin
  drop role netra_system;
exception when dependent_objects_still_exist then null;
end
$$;
