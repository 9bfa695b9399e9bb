/** Who has to act on an error: the caller of an API, the tenant who owns the workflow, the operator of the installation. */
export type Audience = "caller" | "tenant" | "operator";

interface ErrorCodeEntry {
  /** The HTTP status where the code answers a request; absent where it only explains a record. */
  readonly http?: number;
  readonly audience: Audience;
  /** One sentence, stable, without data of the case. */
  readonly title: string;
}

/**
 * Every stable error code. docs/errors.md documents each one (a test compares them).
 * A code is never renamed or given another meaning; a new case gets a new code.
 */
export const ERROR_CODES = {
  // Requests to the admin API
  VALIDATION_FAILED: { http: 400, audience: "caller", title: "The request does not fit its schema." },
  MALFORMED_JSON: { http: 400, audience: "caller", title: "The body is not valid JSON." },
  TENANT_REQUIRED: { http: 400, audience: "caller", title: "Whoever reaches several tenants must name one in the Fluxo-Tenant header." },
  UNAUTHENTICATED: { http: 401, audience: "caller", title: "The API key or the session is missing, unknown, expired or revoked." },
  SIGN_IN_FAILED: { http: 400, audience: "caller", title: "The sign-in was not completed, or not by the browser that began it." },
  NOT_A_MEMBER: { http: 403, audience: "caller", title: "Nobody invited this person." },
  INVITATION_EXPIRED: { http: 403, audience: "caller", title: "The person was invited, and the invitation has expired." },
  MEMBER_REVOKED: { http: 403, audience: "caller", title: "The agency has revoked this member." },
  CSRF_REFUSED: { http: 403, audience: "caller", title: "A change with a session must come from this page itself." },
  AGENCY_SUSPENDED: { http: 403, audience: "caller", title: "The agency is suspended." },
  PROVISIONING_TOKEN_REFUSED: { http: 401, audience: "caller", title: "The provisioning token is not one that can be exchanged." },
  SCOPE_MISSING: { http: 403, audience: "caller", title: "The caller does not have the scope that this operation needs." },
  NOT_FOUND: { http: 404, audience: "caller", title: "There is no such resource for this key." },
  METHOD_NOT_ALLOWED: { http: 405, audience: "caller", title: "The resource does not answer this method." },
  NAME_TAKEN: { http: 409, audience: "caller", title: "Another resource has this name already." },
  TENANT_OFFBOARDING: { http: 409, audience: "caller", title: "The tenant is being off-boarded: it can be read only." },
  STATE_CONFLICT: { http: 409, audience: "caller", title: "The resource is not in a state that allows this." },
  REQUEST_IN_PROGRESS: { http: 409, audience: "caller", title: "Another request about the same resource, or with the same idempotency key, is not finished." },
  TOO_MANY_TENANTS: { http: 409, audience: "caller", title: "The agency has as many tenants as the operator allows." },
  PLAN_IN_USE: { http: 409, audience: "caller", title: "Tenants have this plan." },
  PLAN_BEYOND_AGENCY: { http: 422, audience: "caller", title: "The plan would grant more than the operator allows the agency." },
  SEATS_EXCEEDED: { http: 409, audience: "caller", title: "A tenant has as many members as its plan has seats." },
  WORKFLOW_NOT_PUBLISHED: { http: 409, audience: "caller", title: "The workflow has no published version." },
  WORKFLOW_ARCHIVED: { http: 409, audience: "caller", title: "The workflow is archived." },
  WORKFLOW_BUSY: { http: 409, audience: "caller", title: "Executions of the workflow have not ended." },
  TEMPLATE_LOCKED: { http: 409, audience: "tenant", title: "A part of the workflow is locked by the agency's template." },
  TEMPLATE_CONFLICT: { http: 409, audience: "caller", title: "The tenant's changes and the template's contradict each other." },
  PRECONDITION_FAILED: { http: 412, audience: "caller", title: "The resource changed since the version that the request names." },
  PAYLOAD_TOO_LARGE: { http: 413, audience: "caller", title: "The input of the execution is larger than the plan allows." },
  BODY_TOO_LARGE: { http: 413, audience: "caller", title: "The body is larger than allowed." },
  UNSUPPORTED_MEDIA_TYPE: { http: 415, audience: "caller", title: "The content type is not accepted here." },
  BULK_TOO_LARGE: { http: 422, audience: "caller", title: "A bulk operation would be about more executions than allowed." },
  IDEMPOTENCY_KEY_REUSED: { http: 422, audience: "caller", title: "The idempotency key was used with another request." },
  GRAPH_INVALID: { http: 422, audience: "caller", title: "The graph cannot be published as it is." },
  RATE_LIMITED: { http: 429, audience: "caller", title: "Too many requests." },
  INTERNAL: { http: 500, audience: "operator", title: "Fluxo failed on its own account." },
  UNAVAILABLE: { http: 503, audience: "operator", title: "A store that Fluxo needs does not answer right now." },

  // Requests to a hook
  HOOK_NOT_FOUND: { http: 404, audience: "caller", title: "No published webhook has this token." },
  HOOK_METHOD_NOT_ALLOWED: { http: 405, audience: "caller", title: "The webhook does not accept this method." },
  HOOK_ADDRESS_REFUSED: { http: 403, audience: "caller", title: "The webhook does not accept requests from this address." },
  HOOK_TEST_CLOSED: { http: 409, audience: "caller", title: "No test of this webhook waits for a request." },
  HOOK_UNAUTHENTICATED: { http: 401, audience: "caller", title: "The request lacks the credentials that the webhook asks for, or they are wrong." },
  HOOK_SIGNATURE_INVALID: { http: 401, audience: "caller", title: "The signature does not match the body." },
  HOOK_TIMESTAMP_REJECTED: { http: 401, audience: "caller", title: "The signed timestamp is missing or outside the tolerance." },
  DELIVERY_ID_INVALID: { http: 400, audience: "caller", title: "The delivery id header is missing, empty or too long." },
  EXECUTION_FAILED: { http: 500, audience: "tenant", title: "The execution that the caller waited for failed." },

  // What is wrong with a graph
  GRAPH_WITHOUT_TRIGGER: { audience: "tenant", title: "A graph needs at least one trigger node." },
  NODE_ID_DUPLICATE: { audience: "tenant", title: "Two nodes have the same id." },
  ALIAS_DUPLICATE: { audience: "tenant", title: "An alias is used twice or is the id of another node." },
  NAME_RESERVED: { audience: "tenant", title: "The name is a root of the template context." },
  NODE_TYPE_UNKNOWN: { audience: "tenant", title: "The catalog has no such node type." },
  EDGE_DANGLING: { audience: "tenant", title: "An edge names a node that does not exist." },
  EDGE_DUPLICATE: { audience: "tenant", title: "Two edges are the same." },
  EDGE_INTO_TRIGGER: { audience: "tenant", title: "A trigger node cannot have an incoming edge." },
  PORT_UNKNOWN: { audience: "tenant", title: "An edge leaves from a port that its node does not have." },
  GRAPH_CYCLE: { audience: "tenant", title: "The edges form a cycle." },
  NODE_UNREACHABLE: { audience: "tenant", title: "No trigger leads to this node." },
  LOOP_NOT_CLOSED: { audience: "tenant", title: "An edge leads into the body of a loop from outside of it." },
  LOOP_NESTED: { audience: "tenant", title: "A loop stands in the body of another loop." },
  LOOP_NODE_REFUSED: { audience: "tenant", title: "The node has no place in the body of a loop." },
  PARAMS_INVALID: { audience: "tenant", title: "The parameters of a node do not fit its schema." },
  TEMPLATE_SYNTAX: { audience: "tenant", title: "A template cannot be read." },
  TEMPLATE_REFERENCE_UNKNOWN: { audience: "tenant", title: "A template names something that can never be there." },
  TEMPLATE_PATH_UNKNOWN: { audience: "tenant", title: "A template names a member that the output of its node never has." },
  TEMPLATE_TYPE_MISMATCH: { audience: "tenant", title: "A template gives a kind of value that the parameter does not take." },
  CREDENTIAL_UNKNOWN: { audience: "tenant", title: "A node names a credential that the tenant does not have." },
  CREDENTIAL_KIND_WRONG: { audience: "tenant", title: "The credential is of a kind that the node does not take." },
  PLACEHOLDER_INVALID: { audience: "caller", title: "A placeholder of a workflow template does not fit the parameters or its place." },

  // Why a rollout stopped
  CANARY_NOT_REACHED: { audience: "caller", title: "No canary tenant of the rollout got the new version." },
  CANARY_FAILURE_RATE: { audience: "caller", title: "Too many executions of the canary tenants failed." },
  CANARY_INCONCLUSIVE: { audience: "caller", title: "The canary tenants had too few executions to judge by." },

  // Why an execution was refused before it started
  WORKFLOW_INACTIVE: { http: 409, audience: "tenant", title: "The workflow is not active." },
  TENANT_SUSPENDED: { http: 409, audience: "tenant", title: "The tenant is suspended." },
  QUOTA_EXCEEDED: { http: 429, audience: "tenant", title: "The plan's executions of this window are used up." },
  NODE_NOT_IN_PLAN: { http: 409, audience: "tenant", title: "The workflow uses a node type that the plan does not include." },
  QUEUE_TTL_EXPIRED: { http: 409, audience: "tenant", title: "The execution waited in the queue longer than its workflow allows." },
  QUOTA_PARK_EXPIRED: { http: 429, audience: "tenant", title: "The execution was parked for longer than the plan allows, because its executions were used up." },
  TOO_MANY_NODES: { http: 409, audience: "tenant", title: "The workflow has more nodes than the plan allows." },
  TOO_MANY_WORKFLOWS: { http: 409, audience: "tenant", title: "More workflows are active than the plan allows." },

  // Why a node or an execution failed
  TEMPLATE_REFERENCE_MISSING: { audience: "tenant", title: "A template names a value that is not there." },
  TEMPLATE_VALUE_REFUSED: { audience: "tenant", title: "A template's filter cannot be applied to the value." },
  STOPPED_BY_WORKFLOW: { audience: "tenant", title: "A stop node ended the execution." },
  CHILD_UNAVAILABLE: { audience: "tenant", title: "The workflow to be called does not exist, or cannot be called." },
  CHILD_DEPTH_EXCEEDED: { audience: "tenant", title: "Workflows call each other deeper than allowed." },
  CHILD_FAILED: { audience: "tenant", title: "The called workflow did not succeed." },
  NODE_TIMEOUT: { audience: "tenant", title: "The node did not finish in time." },
  CONNECTION_FAILED: { audience: "tenant", title: "The provider could not be reached." },
  PROVIDER_RATE_LIMITED: { audience: "tenant", title: "The provider asks to slow down." },
  PROVIDER_FAILED: { audience: "tenant", title: "The provider failed on its own account." },
  PROVIDER_REJECTED: { audience: "tenant", title: "The provider refused the request." },
  INTEGRATION_OUTAGE: { audience: "tenant", title: "The integration did not work for longer than a node waits for it." },
  CREDENTIAL_NOT_FOUND: { audience: "tenant", title: "The node may open no such credential." },
  CREDENTIAL_HOST_REFUSED: { audience: "tenant", title: "The credential is bound to other hosts." },
  CREDENTIAL_UNREADABLE: { audience: "operator", title: "The stored secret cannot be opened with the keys of this installation." },
  CREDENTIAL_REJECTED: { audience: "tenant", title: "The provider refused the credentials." },
  ADDRESS_REFUSED: { audience: "tenant", title: "The address is not a public one, so it is never called." },
  RESPONSE_TOO_LARGE: { audience: "tenant", title: "The provider's answer is larger than allowed." },
  FILE_TOO_LARGE: { audience: "tenant", title: "A file is larger than allowed." },
  FILE_NOT_FOUND: { audience: "tenant", title: "The tenant has no such file." },
  AI_TOKENS_EXCEEDED: { audience: "tenant", title: "The plan has not as many tokens left as the call to the model could use." },
  SIDE_EFFECT_UNCERTAIN: { audience: "tenant", title: "A worker died while the node acted, and the node must not be repeated." },
  DATA_UNREADABLE: { audience: "tenant", title: "The data is not what the node was told to read." },
  DATA_TOO_LARGE: { audience: "tenant", title: "The data is larger, deeper or harder to work on than allowed." },
  OUTPUT_TOO_LARGE: { http: 500, audience: "tenant", title: "The output of a node is larger than allowed." },
  OUTPUT_INVALID: { audience: "operator", title: "A node's output does not fit its own schema." },
  EXECUTION_TOO_LARGE: { audience: "tenant", title: "The outputs of the execution together are larger than allowed." },
  CODE_INVALID: { audience: "tenant", title: "A piece of code or an expression cannot be read." },
  CODE_FAILED: { audience: "tenant", title: "A piece of code or an expression failed." },
  CODE_TIMEOUT: { audience: "tenant", title: "A piece of code or an expression did not finish in time." },
  CODE_MEMORY_EXCEEDED: { audience: "tenant", title: "A piece of code or an expression needs more memory than it may use." },
  SANDBOX_BUSY: { audience: "tenant", title: "Too many pieces of code wait to be run." },
  SANDBOX_FAILED: { audience: "operator", title: "The process that ran the code ended." },
  NODE_INTERNAL: { audience: "operator", title: "A node failed in a way that it does not know." },
  EXECUTION_UNREADABLE: { audience: "operator", title: "The recorded execution cannot be continued by this worker." },
  UNSUPPORTED: { audience: "caller", title: "This is not supported for this kind." },
  EXECUTION_CANCELED: { http: 409, audience: "tenant", title: "The execution was canceled." },
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Codes that answer a request. */
export type RequestErrorCode = { [C in ErrorCode]: (typeof ERROR_CODES)[C] extends { http: number } ? C : never }[ErrorCode];

/** Codes with which enforcement blocks an execution. */
export type BlockCode = "WORKFLOW_INACTIVE" | "AGENCY_SUSPENDED" | "TENANT_SUSPENDED" | "QUOTA_EXCEEDED" | "QUOTA_PARK_EXPIRED" | "NODE_NOT_IN_PLAN" | "TOO_MANY_NODES" | "TOO_MANY_WORKFLOWS" | "QUEUE_TTL_EXPIRED";
