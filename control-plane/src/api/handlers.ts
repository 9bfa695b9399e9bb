import type { Routes } from "@fluxo/contracts/http/routes";
import { getMe } from "./handlers/access/get-me.ts";
import { endMemberSessions, endOperatorMemberSessions, removeMember, removeOperatorMember, restoreMember, updateMember } from "./handlers/members/change-member.ts";
import { inviteMember, inviteOperatorMember, renewInvitation, renewOperatorInvitation } from "./handlers/members/invite-member.ts";
import { getMember, getOperatorMember, listMembers, listOperatorMembers } from "./handlers/members/read-members.ts";
import { endMySession, listMySessions, signOut, switchMembership } from "./handlers/sessions/my-sessions.ts";
import { finishSignIn, startSignIn } from "./handlers/sessions/sign-in.ts";
import { resumeAgency, suspendAgency, updateManagedAgency } from "./handlers/agencies/change-agency.ts";
import { createAgency } from "./handlers/agencies/create-agency.ts";
import { getManagedAgency, listAgencies } from "./handlers/agencies/read-agencies.ts";
import { createAgencyApiKey, createApiKey, createOperatorApiKey } from "./handlers/api-keys/create-api-key.ts";
import { getAgencyApiKey, getApiKey, getOperatorApiKey } from "./handlers/api-keys/get-api-key.ts";
import { listAgencyApiKeys, listApiKeys, listOperatorApiKeys } from "./handlers/api-keys/list-api-keys.ts";
import { revokeAgencyApiKey, revokeApiKey, revokeOperatorApiKey } from "./handlers/api-keys/revoke-api-key.ts";
import { rotateAgencyApiKey, rotateApiKey, rotateOperatorApiKey } from "./handlers/api-keys/rotate-api-key.ts";
import { exportAuditEntries } from "./handlers/audit/export-audit-entries.ts";
import { listAuditEntries } from "./handlers/audit/list-audit-entries.ts";
import { streamAuditEntries } from "./handlers/audit/stream-audit-entries.ts";
import { verifyAuditLog } from "./handlers/audit/verify-audit-log.ts";
import { abortBulkOperation, pauseBulkOperation, resumeBulkOperation } from "./handlers/bulk-operations/change-bulk-operation.ts";
import { createBulkOperation } from "./handlers/bulk-operations/create-bulk-operation.ts";
import { getBulkOperation } from "./handlers/bulk-operations/get-bulk-operation.ts";
import { listBulkOperations } from "./handlers/bulk-operations/list-bulk-operations.ts";
import { getAgency } from "./handlers/agency/get-agency.ts";
import { updateAgency } from "./handlers/agency/update-agency.ts";
import { createCredential } from "./handlers/credentials/create-credential.ts";
import { deleteCredential } from "./handlers/credentials/delete-credential.ts";
import { getCredential } from "./handlers/credentials/get-credential.ts";
import { listCredentialKinds } from "./handlers/credentials/list-credential-kinds.ts";
import { listCredentialUsages } from "./handlers/credentials/list-credential-usages.ts";
import { listCredentials } from "./handlers/credentials/list-credentials.ts";
import { testCredential } from "./handlers/credentials/test-credential.ts";
import { updateCredential } from "./handlers/credentials/update-credential.ts";
import { cancelExecution } from "./handlers/executions/cancel-execution.ts";
import { getExecution } from "./handlers/executions/get-execution.ts";
import { listFailures } from "./handlers/executions/list-failures.ts";
import { getTimeline } from "./handlers/executions/get-timeline.ts";
import { listExecutions } from "./handlers/executions/list-executions.ts";
import { startExecution } from "./handlers/executions/start-execution.ts";
import { getFileContent } from "./handlers/files/get-file-content.ts";
import { getFile } from "./handlers/files/get-file.ts";
import { createEventToken } from "./handlers/live/create-event-token.ts";
import { streamExecutionEvents } from "./handlers/live/stream-execution-events.ts";
import { getPins } from "./handlers/node-tests/get-pins.ts";
import { replacePins } from "./handlers/node-tests/replace-pins.ts";
import { testNode } from "./handlers/node-tests/test-node.ts";
import { getNodeType } from "./handlers/node-types/get-node-type.ts";
import { getOpenApi } from "./handlers/node-types/get-open-api.ts";
import { listNodeTypes } from "./handlers/node-types/list-node-types.ts";
import { closeOutage } from "./handlers/outages/close-outage.ts";
import { listOutages } from "./handlers/outages/list-outages.ts";
import { beginOffBoarding } from "./handlers/off-boardings/begin-off-boarding.ts";
import { abortOffBoarding, acknowledgeOffBoardingArchive, eraseTenant } from "./handlers/off-boardings/change-off-boarding.ts";
import { getOffBoarding, getOffBoardingArchive, listOffBoardings } from "./handlers/off-boardings/read-off-boarding.ts";
import { exchangeProvisioningToken } from "./handlers/provisioning/exchange-token.ts";
import { createSigningKey, getSigningKey, listSigningKeys, revokeSigningKey } from "./handlers/provisioning/signing-keys.ts";
import { deletePriceList } from "./handlers/prices/delete-price-list.ts";
import { getInvoice } from "./handlers/prices/get-invoice.ts";
import { getAgencyPrices, getPlanPrices, getPriceList, getTenantPrices } from "./handlers/prices/get-price-list.ts";
import { listPriceLists } from "./handlers/prices/list-price-lists.ts";
import { putAgencyPrices, putPlanPrices, putTenantPrices } from "./handlers/prices/put-prices.ts";
import { createDryRerun } from "./handlers/reruns/create-dry-rerun.ts";
import { getDryRerun } from "./handlers/reruns/get-dry-rerun.ts";
import { rerunExecution } from "./handlers/reruns/rerun-execution.ts";
import { abortRollout, approveRollout, pauseRollout, resumeRollout, rollBackRollout } from "./handlers/rollouts/change-rollout.ts";
import { createRollout } from "./handlers/rollouts/create-rollout.ts";
import { getRollout, listRolloutItems, listRollouts } from "./handlers/rollouts/rollouts.ts";
import { getTemplateInstallation, installTemplate, listOwnInstallations, listTemplateInstallations } from "./handlers/templates/installations.ts";
import { moveTemplateInstallation, rollBackTemplateInstallation } from "./handlers/templates/move-installation.ts";
import { createTemplateVersion, getTemplateVersion, listTemplateVersions } from "./handlers/templates/template-versions.ts";
import { createTemplate, getTemplate, listTemplates, updateTemplate } from "./handlers/templates/templates.ts";
import { createTenant } from "./handlers/tenants/create-tenant.ts";
import { getTenantUsage } from "./handlers/tenants/get-tenant-usage.ts";
import { getTenantByExternalId, putTenantByExternalId } from "./handlers/tenants/tenant-by-external-id.ts";
import { getTenant } from "./handlers/tenants/get-tenant.ts";
import { createPlan } from "./handlers/plans/create-plan.ts";
import { deletePlan } from "./handlers/plans/delete-plan.ts";
import { getPlan } from "./handlers/plans/get-plan.ts";
import { getTenantEntitlements } from "./handlers/plans/get-tenant-entitlements.ts";
import { listPlans } from "./handlers/plans/list-plans.ts";
import { listQuotaAlerts } from "./handlers/plans/list-quota-alerts.ts";
import { discardParkedExecutions, releaseParkedExecutions } from "./handlers/plans/parked-executions.ts";
import { previewPlanChange } from "./handlers/plans/preview-plan-change.ts";
import { previewTenantPlan } from "./handlers/plans/preview-tenant-plan.ts";
import { createOperatorPlan, getOperatorPlan, listOperatorPlans, updateOperatorPlan } from "./handlers/plans/operator-plans.ts";
import { previewOperatorPlanChange } from "./handlers/plans/preview-operator-plan.ts";
import { updatePlan } from "./handlers/plans/update-plan.ts";
import { listTenants } from "./handlers/tenants/list-tenants.ts";
import { updateTenant } from "./handlers/tenants/update-tenant.ts";
import { explainTrigger } from "./handlers/occurrences/explain-trigger.ts";
import { listOccurrences } from "./handlers/occurrences/list-occurrences.ts";
import { abortBackfill, backfillTrigger, getBackfill, listBackfills } from "./handlers/triggers/backfill-trigger.ts";
import { getTrigger } from "./handlers/triggers/get-trigger.ts";
import { listPolls } from "./handlers/triggers/list-polls.ts";
import { listTenantTriggers } from "./handlers/triggers/list-tenant-triggers.ts";
import { dismissParkedItem, listParkedItems } from "./handlers/triggers/parked-items.ts";
import { pauseTrigger, resumeTrigger } from "./handlers/triggers/pause-trigger.ts";
import { previewSchedule, previewTrigger } from "./handlers/triggers/preview-schedule.ts";
import { runTriggerNow } from "./handlers/triggers/run-trigger-now.ts";
import { checkTrigger } from "./handlers/triggers/check-trigger.ts";
import { listSamples, openTestSession } from "./handlers/triggers/hook-tests.ts";
import { listTriggers } from "./handlers/triggers/list-triggers.ts";
import { rotateTriggerSecret } from "./handlers/triggers/rotate-trigger-secret.ts";
import { exportAgencyUsage, exportUsage } from "./handlers/usage/export-usage.ts";
import { forecastUsage } from "./handlers/usage/forecast-usage.ts";
import { getUsageSeries } from "./handlers/usage/get-usage-series.ts";
import { listUsage } from "./handlers/usage/list-usage.ts";
import { reconcileUsage } from "./handlers/usage/reconcile-usage.ts";
import { archiveWorkflow, deleteWorkflow, restoreWorkflow } from "./handlers/workflows/archive-workflow.ts";
import { createWorkflow } from "./handlers/workflows/create-workflow.ts";
import { diffWorkflow } from "./handlers/workflows/diff-workflow.ts";
import { rollbackWorkflow } from "./handlers/workflows/rollback-workflow.ts";
import { getDraft } from "./handlers/workflows/get-draft.ts";
import { getVersion } from "./handlers/workflows/get-version.ts";
import { getWorkflow } from "./handlers/workflows/get-workflow.ts";
import { listVersions } from "./handlers/workflows/list-versions.ts";
import { listWorkflows } from "./handlers/workflows/list-workflows.ts";
import { publishWorkflow } from "./handlers/workflows/publish-workflow.ts";
import { replaceDraft } from "./handlers/workflows/replace-draft.ts";
import { updateWorkflow } from "./handlers/workflows/update-workflow.ts";
import { validateWorkflow } from "./handlers/workflows/validate-workflow.ts";
import type { Handlers } from "./http/handler.ts";

/** What does each operation: complete by construction. */
export const handlers: Handlers<Routes> = {
  getMe,
  startSignIn,
  finishSignIn,
  signOut,
  listMySessions,
  endMySession,
  switchMembership,
  listMembers,
  inviteMember,
  getMember,
  updateMember,
  removeMember,
  renewInvitation,
  renewOperatorInvitation,
  restoreMember,
  endMemberSessions,
  listOperatorMembers,
  inviteOperatorMember,
  getOperatorMember,
  removeOperatorMember,
  endOperatorMemberSessions,
  listApiKeys,
  createApiKey,
  getApiKey,
  rotateApiKey,
  revokeApiKey,
  listAgencyApiKeys,
  createAgencyApiKey,
  getAgencyApiKey,
  rotateAgencyApiKey,
  revokeAgencyApiKey,
  listOperatorApiKeys,
  createOperatorApiKey,
  getOperatorApiKey,
  rotateOperatorApiKey,
  revokeOperatorApiKey,
  listAgencies,
  createAgency,
  getManagedAgency,
  updateManagedAgency,
  suspendAgency,
  resumeAgency,
  getAgency,
  updateAgency,
  listPlans,
  createPlan,
  getPlan,
  updatePlan,
  deletePlan,
  previewPlanChange,
  previewTenantPlan,
  listOperatorPlans,
  createOperatorPlan,
  getOperatorPlan,
  updateOperatorPlan,
  previewOperatorPlanChange,
  getTenantEntitlements,
  listQuotaAlerts,
  releaseParkedExecutions,
  discardParkedExecutions,
  listTenants,
  createTenant,
  getTenantByExternalId,
  putTenantByExternalId,
  getTenant,
  updateTenant,
  beginOffBoarding,
  listOffBoardings,
  getOffBoarding,
  getOffBoardingArchive,
  acknowledgeOffBoardingArchive,
  eraseTenant,
  abortOffBoarding,
  listSigningKeys,
  createSigningKey,
  getSigningKey,
  revokeSigningKey,
  exchangeProvisioningToken,
  getTenantUsage,
  getUsageSeries,
  listUsage,
  exportUsage,
  exportAgencyUsage,
  reconcileUsage,
  forecastUsage,
  listPriceLists,
  getAgencyPrices,
  putAgencyPrices,
  getPlanPrices,
  putPlanPrices,
  getTenantPrices,
  putTenantPrices,
  getPriceList,
  deletePriceList,
  getInvoice,
  listWorkflows,
  createWorkflow,
  getWorkflow,
  updateWorkflow,
  archiveWorkflow,
  restoreWorkflow,
  deleteWorkflow,
  getDraft,
  replaceDraft,
  validateWorkflow,
  publishWorkflow,
  diffWorkflow,
  rollbackWorkflow,
  listTemplates,
  createTemplate,
  getTemplate,
  updateTemplate,
  listTemplateVersions,
  createTemplateVersion,
  getTemplateVersion,
  listTemplateInstallations,
  installTemplate,
  getTemplateInstallation,
  moveTemplateInstallation,
  rollBackTemplateInstallation,
  listOwnInstallations,
  createRollout,
  listRollouts,
  getRollout,
  listRolloutItems,
  pauseRollout,
  resumeRollout,
  abortRollout,
  approveRollout,
  rollBackRollout,
  listVersions,
  getVersion,
  listTriggers,
  rotateTriggerSecret,
  openTestSession,
  listSamples,
  checkTrigger,
  listTenantTriggers,
  getTrigger,
  pauseTrigger,
  resumeTrigger,
  runTriggerNow,
  backfillTrigger,
  listBackfills,
  getBackfill,
  abortBackfill,
  previewTrigger,
  previewSchedule,
  listPolls,
  listParkedItems,
  dismissParkedItem,
  listOccurrences,
  explainTrigger,
  listCredentialKinds,
  listCredentials,
  createCredential,
  getCredential,
  updateCredential,
  deleteCredential,
  listCredentialUsages,
  testCredential,
  startExecution,
  listExecutions,
  getExecution,
  getTimeline,
  cancelExecution,
  listFailures,
  createEventToken,
  streamExecutionEvents,
  testNode,
  getPins,
  replacePins,
  getFile,
  getFileContent,
  rerunExecution,
  createDryRerun,
  getDryRerun,
  createBulkOperation,
  listBulkOperations,
  getBulkOperation,
  abortBulkOperation,
  pauseBulkOperation,
  resumeBulkOperation,
  listOutages,
  closeOutage,
  listAuditEntries,
  streamAuditEntries,
  exportAuditEntries,
  verifyAuditLog,
  listNodeTypes,
  getNodeType,
  getOpenApi,
};
