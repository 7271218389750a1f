//! The use cases: one a file, named by its verb. Each is a function over a unit of work; it reads no clock and mints
//! no id but through the unit, and says a [`Rejection`](outpost_model::rejection::Rejection) before it writes.

pub mod adopt;
pub mod archive;
pub mod authority;
pub mod backup;
pub mod cancel;
pub mod capture;
pub mod deadline;
pub mod documents;
pub mod enroll;
pub mod epoch;
pub mod errand;
pub mod import;
pub mod label;
pub mod lease;
pub mod need;
pub mod observe;
pub mod offer;
pub mod picture;
pub mod quarantine;
pub mod recover;
pub mod reference;
pub mod resolve;
pub mod route;
pub mod schedule;
pub mod seal_earlier;
pub mod settle;
pub mod stand;
pub mod succeed;
pub mod tell;
