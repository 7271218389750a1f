//! What a person must look at: the list, and how to deal with each.

use askama::Template;

use super::frame::Frame;
use super::runbook::{self, Runbook};
use super::when::{Watch, When};
use super::words;
use crate::store::query::exceptions::ExceptionRow;

/// The list of exceptions.
#[derive(Template)]
#[template(path = "exceptions.html")]
pub struct ExceptionsPage {
    /// Around the page.
    pub frame: Frame,
    /// Open ones by code.
    pub codes: Vec<CodeChoice>,
    /// The code that is shown; empty for all.
    pub code: String,
    /// Whether resolved ones are shown, too.
    pub all: bool,
    /// The exceptions.
    pub exceptions: Vec<ExceptionView>,
    /// Whether there are more than are shown.
    pub is_cut: bool,
}

/// A code to narrow the list down to.
pub struct CodeChoice {
    /// Its name in the address.
    pub code: String,
    /// Its name for people.
    pub text: String,
    /// Open exceptions with it.
    pub count: i64,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// An exception.
pub struct ExceptionView {
    /// Its id.
    pub id: String,
    /// Its stable code.
    pub code: String,
    /// The code as words.
    pub title: String,
    /// What happened.
    pub sentence: String,
    /// The order it is about: id and number.
    pub order: Option<(String, String)>,
    /// The site it is about.
    pub site: Option<String>,
    /// The payload that was kept.
    pub payload: Option<String>,
    /// When it was raised.
    pub raised: When,
    /// When it was resolved.
    pub resolved: Option<When>,
    /// By whom.
    pub resolved_by: String,
    /// What was noted then.
    pub note: String,
    /// What to do.
    pub runbook: &'static Runbook,
}

impl ExceptionView {
    /// An exception as its part of a page.
    pub fn new(row: ExceptionRow, watch: &Watch) -> Self {
        Self {
            id: row.id.to_string(),
            title: words::title(&row.code),
            runbook: runbook::of(&row.code),
            code: row.code,
            sentence: row.sentence,
            order: row.order.map(|id| {
                let number = row.order_number.unwrap_or_else(|| id.clone());
                (id, number)
            }),
            site: row.site,
            payload: row.payload,
            raised: watch.at(row.raised_at),
            resolved: row.resolved_at.map(|at| watch.at(at)),
            resolved_by: row.resolved_by.unwrap_or_default(),
            note: row.note.unwrap_or_default(),
        }
    }
}

/// The page of a list of exceptions, one row more than `limit` telling that there are more.
pub fn page(
    mut rows: Vec<ExceptionRow>,
    open: &std::collections::BTreeMap<String, i64>,
    code: Option<String>,
    all: bool,
    limit: usize,
    watch: &Watch,
) -> ExceptionsPage {
    let is_cut = rows.len() > limit;
    rows.truncate(limit);
    let choice = |(name, count): (&String, &i64)| CodeChoice {
        code: name.clone(),
        text: words::title(name),
        count: *count,
        chosen: code.as_ref() == Some(name),
    };
    ExceptionsPage {
        frame: Frame::new("/exceptions", "Exceptions", "exceptions", watch),
        codes: open.iter().map(choice).collect(),
        code: code.clone().unwrap_or_default(),
        all,
        exceptions: rows.into_iter().map(|row| ExceptionView::new(row, watch)).collect(),
        is_cut,
    }
}
