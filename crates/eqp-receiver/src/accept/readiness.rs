//! Whether callbacks can be made durable now.

/// As `/readyz` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// With the reason.
    NotReady(&'static str),
}
