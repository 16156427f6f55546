//! All that can be asked of the world and heard back: the versioned messages between front, interpreter and
//! runner. These are wire types: they derive serde, and each carries its schema id. Knows no policy and no tool.

mod answers;
mod approval;
mod call;
mod codec;
mod control;
mod declared;
mod error_kind;
mod footprint;
mod frame;
mod interpreter;
mod iteration;
mod ok_exit;
mod part;
mod planned;
mod provenance;
mod recalled;
mod refused;
mod remote;
mod reuse;
mod secret;
mod web_address;

pub use answers::{AnswerOutcome, AnswerTaken, OpenRequest, OpenRequests, Rejection, RunnerClock};
pub use approval::{
    APPROVE, Approval, ApprovalBinding, ApprovalRequest, ApprovalSignature, ApprovalTerms, AskedRef,
    BoundCall, BoundTarget, Preview, RootIdentity, ShownCall, approves,
};
pub use call::{
    AfterCrash, Artifact, AskedTool, ModelUsed, ProgramUsed, RuleRef, SandboxLayer, ToolCall, ToolError,
    ToolResult, is_unrepeated, tool_changes, unrepeated,
};
pub use codec::{FrameBuffer, FrameError, MAX_ANSWER, MAX_FRAME, encode_frame, json_bytes};
pub use control::{
    FrozenLayer, LayerRole, LedgerPlace, RunLimits, RunnerStart, Started, WorkTree, is_beneath,
};
pub use declared::{DETERMINISTIC, Declared, KEY_HEADER, ModelDeclaration, Provider};
pub use error_kind::ErrorKind;
pub use footprint::{At, FileChange, Footprint, changed_files};
pub use frame::{
    CallFrame, Capabilities, ControlFrame, OutputStream, ReplyBody, ReplyFrame, RequestBody, ToolInfo,
};
pub use interpreter::{
    BundledFile, Confinement, FrontFrame, GraphBundle, InterpreterFrame, InterpreterStart, KeptWords,
    PersonsAnswer,
};
pub use iteration::{iteration_name, iteration_of_key, named_iteration};
pub use ok_exit::OkExit;
pub use part::{part_of, session_of};
pub use planned::{
    HeldPlan, PlanBindings, PlannedCall, PlannedProgram, PlannedToolchain, PlannedWorkspace, Shape,
};
pub use provenance::{Provenance, Source};
pub use recalled::{Recalled, RecalledFrom};
pub use refused::{failure_of, refused_whole};
pub use remote::{IDENTITY, Identity, RunFrame, RunOpen, RunOpened, RunReceipts, RunWord, UPGRADE};
pub use reuse::{LeftFile, ReusableResult, Reuse};
pub use secret::{SecretDeclaration, SecretSource, SecretUse};
pub use web_address::WebAddress;
