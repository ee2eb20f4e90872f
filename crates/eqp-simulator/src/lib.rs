//! eqp-simulator
