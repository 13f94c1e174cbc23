//! The accept loop around poem.

/// Stands in a request's extensions when it came through `control.sock`.
#[derive(Debug, Clone, Copy)]
pub struct ControlPeer {
    /// Who sent it.
    pub uid: u32,
}
