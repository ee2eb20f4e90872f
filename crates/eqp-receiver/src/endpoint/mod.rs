//! Who may call: endpoints and their credentials.
