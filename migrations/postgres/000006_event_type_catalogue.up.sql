-- The event types the product knows, by the names their senders publish. Types of `standard` and `signed` sources are their
-- senders' own, so none is built in.
set local lock_timeout = '5s';

insert into event_types (type, source, retention_days)
select 'github.' || name, 'github', case when name in (
  'deployment', 'deployment_status', 'pull_request', 'push', 'release', 'code_scanning_alert', 'dependabot_alert',
  'secret_scanning_alert', 'security_advisory'
) then 365 else 90 end
from unnest(string_to_array(
  'branch_protection_configuration branch_protection_rule check_run check_suite code_scanning_alert commit_comment create '
  'custom_property custom_property_values delete dependabot_alert deploy_key deployment deployment_protection_rule '
  'deployment_review deployment_status discussion discussion_comment fork github_app_authorization gollum installation '
  'installation_repositories installation_target issue_comment issue_dependencies issues label marketplace_purchase member '
  'membership merge_group meta milestone org_block organization package page_build personal_access_token_request ping '
  'project project_card project_column projects_v2 projects_v2_item projects_v2_status_update public pull_request '
  'pull_request_review pull_request_review_comment pull_request_review_thread push registry_package release repository '
  'repository_advisory repository_dispatch repository_import repository_ruleset repository_vulnerability_alert '
  'secret_scanning_alert secret_scanning_alert_location secret_scanning_scan security_advisory security_and_analysis '
  'sponsorship star status sub_issues team team_add watch workflow_dispatch workflow_job workflow_run', ' '
)) as name;

insert into event_types (type, source)
select 'slack.' || name, 'slack'
from unnest(string_to_array(
  'app_deleted app_home_opened app_installed app_mention app_rate_limited app_requested app_uninstalled '
  'assistant_thread_context_changed assistant_thread_started call_rejected channel_archive channel_created channel_deleted '
  'channel_history_changed channel_id_changed channel_left channel_rename channel_shared channel_unarchive channel_unshared '
  'command dnd_updated dnd_updated_user email_domain_changed emoji_changed entity_details_requested file_change file_comment_added '
  'file_comment_deleted file_comment_edited file_created file_deleted file_public file_shared file_unshared function_executed '
  'goodbye grid_migration_finished grid_migration_started group_archive group_close group_deleted group_history_changed '
  'group_left group_open group_rename group_unarchive im_close im_created im_history_changed im_open interaction '
  'invite_requested link_shared member_joined_channel member_left_channel message message_metadata_deleted '
  'message_metadata_posted message_metadata_updated pin_added pin_removed reaction_added reaction_removed resources_added '
  'resources_removed scope_denied scope_granted shared_channel_invite_accepted shared_channel_invite_approved '
  'shared_channel_invite_declined shared_channel_invite_received shared_channel_invite_requested star_added star_removed '
  'subteam_created subteam_members_changed subteam_self_added subteam_self_removed subteam_updated team_access_granted '
  'team_access_revoked team_domain_change team_join team_rename tokens_revoked url_verification user_change '
  'user_connection user_huddle_changed user_profile_changed user_resource_denied user_resource_granted user_resource_removed '
  'user_status_changed workflow_deleted workflow_published workflow_step_deleted workflow_step_execute workflow_unpublished', ' '
)) as name;

insert into event_types (type, source)
select 'linear.' || name, 'linear'
from unnest(string_to_array(
  'AgentSessionEvent AppUserNotification Attachment AuditEntry Comment Customer CustomerNeed Cycle Document Initiative '
  'InitiativeUpdate Issue IssueLabel IssueRelation IssueSLA OAuthApp PermissionChange Project ProjectLabel ProjectUpdate Reaction Release '
  'User', ' '
)) as name;

insert into event_types (type, source, retention_days)
select 'vercel.' || name, 'vercel', case when name like 'deployment.%' then 365 else 90 end
from unnest(string_to_array(
  'deployment.canceled deployment.check-rerequested deployment.checks.failed deployment.checks.succeeded '
  'deployment.cleanup deployment.created deployment.error deployment.integration.action.cancel deployment.integration.action.cleanup '
  'deployment.integration.action.start deployment.promoted deployment.ready deployment.rollback deployment.succeeded '
  'domain.created domain.deleted domain.renewal firewall.attack integration-configuration.permission-upgraded '
  'integration-configuration.removed integration-configuration.scope-change-confirmed project.created project.domain.created '
  'project.domain.deleted project.domain.updated project.removed project.renamed project.rolling-release.approved '
  'project.rolling-release.completed project.rolling-release.started', ' '
)) as name;

insert into event_types (type, source, retention_days)
select 'cloud-build.' || name, 'cloud-build', 365
from unnest(string_to_array(
  'status_unknown pending queued working success failure internal_error timeout cancelled expired', ' '
)) as name;

insert into event_types (type, source, retention_days)
select 'cloud-deploy.' || name, 'cloud-deploy', 365
from unnest(string_to_array(
  'delivery_pipeline target release rollout job_run automation automation_run custom_target_type deploy_policy', ' '
)) as name;
