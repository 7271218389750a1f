//! Stock over all sites: what lies where, what was granted, what of it is promised.

use std::collections::BTreeMap;

use askama::Template;

use super::frame::Frame;
use super::when::Watch;
use crate::store::query::console::{ProductRow, StockCell};

/// The stock page.
#[derive(Template)]
#[template(path = "stock.html")]
pub struct StockPage {
    /// Around the page.
    pub frame: Frame,
    /// What was searched for.
    pub q: String,
    /// The site that is shown; empty for all.
    pub site: String,
    /// The sites to choose from.
    pub sites: Vec<String>,
    /// Products with their stock.
    pub products: Vec<ProductView>,
    /// Where the next products begin; nothing when there are none.
    pub next: Option<String>,
    /// Whether this is not the first page.
    pub is_later_page: bool,
}

/// A product with its stock at each site.
pub struct ProductView {
    /// The stock keeping unit.
    pub sku: String,
    /// Its title.
    pub title: String,
    /// Its stock by site.
    pub cells: Vec<StockCell>,
}

impl ProductView {
    /// Rows of the table it takes.
    pub fn rows(&self) -> usize {
        self.cells.len().max(1)
    }
}

/// What the page is narrowed down to.
pub struct Asked {
    /// The search.
    pub q: String,
    /// The site.
    pub site: String,
    /// Whether it is a later page.
    pub is_later_page: bool,
    /// The products of a page.
    pub limit: usize,
}

/// The stock page, one product more than `limit` telling that there are more.
pub fn page(
    mut products: Vec<ProductRow>,
    cells: Vec<StockCell>,
    sites: Vec<String>,
    asked: Asked,
    watch: &Watch,
) -> StockPage {
    let next = (products.len() > asked.limit).then(|| products[asked.limit - 1].sku.clone());
    products.truncate(asked.limit);
    let mut by_sku: BTreeMap<String, Vec<StockCell>> = BTreeMap::new();
    for cell in cells {
        by_sku.entry(cell.sku.clone()).or_default().push(cell);
    }
    let view = |product: ProductRow| ProductView {
        cells: by_sku.remove(&product.sku).unwrap_or_default(),
        sku: product.sku,
        title: product.title,
    };
    let products = products.into_iter().map(view).collect();
    StockPage {
        frame: Frame::new("/stock", "Stock", "", watch),
        q: asked.q,
        site: asked.site,
        sites,
        products,
        next,
        is_later_page: asked.is_later_page,
    }
}
