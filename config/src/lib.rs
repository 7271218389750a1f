//! Typed settings and business rules with readable defaults.
