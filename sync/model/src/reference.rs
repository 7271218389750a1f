//! Sets of reference data that the hub sends its sites, by name.

/// The set of products with their barcodes, by SKU.
pub const PRODUCTS: &str = "products";
/// The set that holds the hub's rules: one item of the same name.
pub const RULES: &str = "rules";
