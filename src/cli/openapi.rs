//! `keywright openapi`: prints the document of `/openapi.json`, without a server.

use super::{CommandResult, Context};

pub(super) fn run(context: &mut Context) -> CommandResult {
    context.out.bytes(crate::http::openapi().as_bytes())?;
    context.out.line("")
}
