//! Figures about the running server, in no format yet.

/// One figure about the running server.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Name, without the product's prefix.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// Description.
    pub help: &'static str,
    /// Current value.
    pub value: f64,
}

impl Metric {
    /// A value that only grows.
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name, kind: "counter", help, value: value as f64 }
    }

    /// A value that goes up and down.
    pub fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name, kind: "gauge", help, value: value as f64 }
    }
}
