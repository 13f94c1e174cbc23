//! The accept loop around poem.
