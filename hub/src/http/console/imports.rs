//! The page for bringing in files. The browser hands the file to the API and shows its report.

use askama::Template;

use super::frame::Frame;
use super::when::Watch;

/// The page of imports.
#[derive(Template)]
#[template(path = "imports.html")]
pub struct ImportsPage {
    /// Around the page.
    pub frame: Frame,
    /// What can be imported, in the order it should be.
    pub kinds: &'static [Kind],
}

/// A kind of file.
pub struct Kind {
    /// Its name in the address.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it does.
    pub does: &'static str,
    /// Its columns.
    pub columns: &'static str,
    /// A line of it.
    pub example: &'static str,
}

/// In this order each file finds what it refers to.
const KINDS: [Kind; 4] = [
    Kind {
        name: "sites",
        title: "Sites",
        does: "Adds stores and warehouses, or changes what is known of them.",
        columns: "site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority",
        example: "berlin-1,Berlin Mitte,store,Europe/Berlin,DE,10115,52.53,13.38,pickup|ship,120,0",
    },
    Kind {
        name: "products",
        title: "Products",
        does: "Adds products, or changes them. Sites get them by themselves.",
        columns: "sku,title,class,unit,weight_g,length_mm,width_mm,height_mm,price_minor,currency",
        example: "MUG-0007,\"Mug, blue\",default,each,410,120,90,100,1790,EUR",
    },
    Kind {
        name: "barcodes",
        title: "Barcodes",
        does: "Says which code stands for how many units of which product.",
        columns: "barcode,sku,quantity",
        example: "4006381333931,MUG-0007,1",
    },
    Kind {
        name: "stock",
        title: "Opening stock",
        does: "Sends each site its opening stock. A site books a file once, however often it is sent.",
        columns: "site,sku,location,quantity",
        example: "berlin-1,MUG-0007,A-01-2,24",
    },
];

/// The page of imports.
pub fn page(watch: &Watch) -> ImportsPage {
    ImportsPage { frame: Frame::new("/imports", "Imports", "", watch), kinds: &KINDS }
}
