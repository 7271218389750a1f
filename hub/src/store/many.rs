//! Statements over many rows at once: a statement costs more than a row, on both databases.

use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Encode, Type};

use crate::error::HubError;

/// Rows go in these portions, largest first, so that there are few distinct statements to prepare.
const PORTIONS: [usize; 5] = [256, 64, 16, 4, 1];

/// The same for the keys of a SELECT from SQLite, whose rows come through a channel that holds fifty: with more the
/// statement's thread sleeps and is woken again for every single row.
const SELECTED_FROM_SQLITE: [usize; 5] = [48, 24, 8, 4, 1];

/// A value for a column.
#[derive(Debug, Clone)]
pub enum Cell {
    /// An integer.
    Int(i64),
    /// An integer or nothing.
    IntOrNull(Option<i64>),
    /// A text.
    Text(String),
    /// A text or nothing.
    TextOrNull(Option<String>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Bytes or nothing.
    BytesOrNull(Option<Vec<u8>>),
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<Option<i64>> for Cell {
    fn from(value: Option<i64>) -> Self {
        Self::IntOrNull(value)
    }
}
impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<Option<String>> for Cell {
    fn from(value: Option<String>) -> Self {
        Self::TextOrNull(value)
    }
}
impl From<&[u8]> for Cell {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}
impl From<Vec<u8>> for Cell {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}
impl From<Option<Vec<u8>>> for Cell {
    fn from(value: Option<Vec<u8>>) -> Self {
        Self::BytesOrNull(value)
    }
}

/// How placeholders are written. In SQLite a placeholder with a number has a name, and each is looked up by its name
/// among all others: with thousands of them that costs more than the statement.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Numbered,
}

impl Style {
    fn of(connection: &AnyConnection) -> Self {
        if connection.backend_name() == "SQLite" { Self::Plain } else { Self::Numbered }
    }

    /// An INSERT that is not undone alone when one of its rows fails: whoever met an error gives up the transaction.
    /// SQLite copies every page that it would take to undo it, unless it is told so.
    fn insert(self, head: &str) -> String {
        match self {
            Self::Plain => head.replacen("INSERT INTO", "INSERT OR FAIL INTO", 1),
            Self::Numbered => head.to_owned(),
        }
    }

    fn push(self, sql: &mut String, number: usize) {
        match self {
            Self::Plain => sql.push('?'),
            Self::Numbered => {
                sql.push('$');
                sql.push_str(&number.to_string());
            }
        }
    }
}

type Query<'q> = sqlx::query::Query<'q, Any, sqlx::any::AnyArguments>;

fn bind<'q>(query: Query<'q>, cell: Cell) -> Query<'q> {
    match cell {
        Cell::Int(value) => query.bind(value),
        Cell::IntOrNull(value) => query.bind(value),
        Cell::Text(value) => query.bind(value),
        Cell::TextOrNull(value) => query.bind(value),
        Cell::Bytes(value) => query.bind(value),
        Cell::BytesOrNull(value) => query.bind(value),
    }
}

fn portions(mut rows: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let portion = PORTIONS.into_iter().find(|portion| *portion <= rows)?;
        rows -= portion;
        Some(portion)
    })
}

/// `head VALUES (…), (…) tail` over all rows; every row has `columns` cells. Returns the rows affected.
pub async fn insert<const N: usize>(
    connection: &mut AnyConnection,
    head: &str,
    tail: &str,
    rows: Vec<[Cell; N]>,
) -> Result<u64, HubError> {
    let mut affected = 0;
    let style = Style::of(connection);
    let head = style.insert(head);
    let mut rest = rows.into_iter();
    for portion in portions(rest.len()) {
        let mut sql = String::with_capacity(head.len() + tail.len() + portion * N * 5 + 8);
        sql.push_str(&head);
        sql.push_str(" VALUES ");
        for row in 0..portion {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            for cell in 0..N {
                if cell > 0 {
                    sql.push_str(", ");
                }
                style.push(&mut sql, row * N + cell + 1);
            }
            sql.push(')');
        }
        sql.push(' ');
        sql.push_str(tail);
        // Only column names and placeholders of this program get into the text; values are bound.
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for cell in rest.by_ref().take(portion).flatten() {
            query = bind(query, cell);
        }
        affected += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(affected)
}

/// `head ($a, $b, …) tail` over all keys, portion by portion: the rows found. `first` is bound as `$1` when there. The
/// last portion is filled up by naming its last key again, so that it is one statement.
pub async fn select<K>(
    connection: &mut AnyConnection,
    head: &str,
    tail: &str,
    first: Option<&str>,
    keys: &[K],
) -> Result<Vec<AnyRow>, HubError>
where
    K: Clone + Send + for<'q> Encode<'q, Any> + Type<Any>,
{
    let mut found = Vec::with_capacity(keys.len());
    let here = Style::of(connection);
    let style = if first.is_some() { Style::Numbered } else { here };
    let portions = match here {
        Style::Plain => SELECTED_FROM_SQLITE,
        Style::Numbered => PORTIONS,
    };
    for now in keys.chunks(portions[0]) {
        let portion = portions.into_iter().rev().find(|portion| *portion >= now.len()).unwrap_or(portions[0]);
        let mut sql = String::with_capacity(head.len() + tail.len() + portion * 5 + 8);
        sql.push_str(head);
        sql.push_str(" (");
        let offset = if first.is_some() { 2 } else { 1 };
        for index in 0..portion {
            if index > 0 {
                sql.push_str(", ");
            }
            style.push(&mut sql, index + offset);
        }
        sql.push_str(") ");
        sql.push_str(tail);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        if let Some(first) = first {
            query = query.bind(first.to_owned());
        }
        let fill = now.last().into_iter().cycle().take(portion - now.len());
        for key in now.iter().chain(fill) {
            query = query.bind(key.clone());
        }
        found.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_cover_all_rows_with_few_sizes() {
        assert_eq!(portions(0).count(), 0);
        assert_eq!(portions(343).collect::<Vec<_>>(), [256, 64, 16, 4, 1, 1, 1]);
        assert_eq!(
            (0..500).map(|n| portions(n).sum::<usize>()).collect::<Vec<_>>(),
            (0..500).collect::<Vec<_>>()
        );
    }
}
