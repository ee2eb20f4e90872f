//! All that the sender waits for: authenticate, bound, keep the bytes, make them durable, answer.
