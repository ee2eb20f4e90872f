//! What is given to CI, run as far as a shell can.
