//! eqp-client
