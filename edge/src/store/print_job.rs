//! Print jobs: the bytes of a label and what became of them.

use std::fmt;
use std::str::FromStr;

use outpost_model::id::{CaseId, ContainerId};
use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::vault::Vault;
use super::{StoreError, StoreResult};
use crate::device::job::JobState;

/// The most bytes a label may have. The largest carrier label seen, a full-page bitmap, has about 200 KiB.
pub const LABEL_BYTES_MAX: usize = 1024 * 1024;

/// The number of a print job at its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrintJobId(pub i64);

impl fmt::Display for PrintJobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrintKind {
    /// Our label with an SSCC, for a container.
    Handling,
    /// A carrier's label, as the carrier gave it.
    Carrier,
    /// The label of a bag that waits for its customer.
    Pickup,
    /// What is in the box.
    PackingSlip,
}

impl PrintKind {
    const ALL: [Self; 4] = [Self::Handling, Self::Carrier, Self::Pickup, Self::PackingSlip];

    /// The name in columns and interfaces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handling => "handling",
            Self::Carrier => "carrier",
            Self::Pickup => "pickup",
            Self::PackingSlip => "packing_slip",
        }
    }
}

impl FromStr for PrintKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no kind of print job"))
    }
}

/// A label that is to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrintJob {
    /// The printer's name in the settings.
    pub printer: String,
    /// What it is.
    pub kind: PrintKind,
    /// The case it belongs to.
    pub case: Option<CaseId>,
    /// The container it goes on.
    pub container: ContainerId,
    /// SSCC, tracking number or order number.
    pub number: String,
    /// What the printer gets; at most [`LABEL_BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// Labels the bytes make: what the printer's counter must rise by.
    pub labels: u32,
    /// The id of the request, where it was not a command.
    pub request: Option<String>,
    /// Who asked, as `staff@device`.
    pub asked_by: String,
    /// When it is no longer worth printing.
    pub expires_at: UtcMillis,
}

/// A copy of a job that exists.
#[derive(Debug, Clone, Copy)]
pub struct NewCopy<'a> {
    /// Why another one is needed.
    pub reason: &'a str,
    /// The id of the request.
    pub request: Option<&'a str>,
    /// Who asked, as `staff@device`.
    pub asked_by: &'a str,
    /// When it is no longer worth printing.
    pub expires_at: UtcMillis,
}

/// A print job without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrintJob {
    /// Its number.
    pub id: PrintJobId,
    /// The printer's name.
    pub printer: String,
    /// What is printed.
    pub kind: PrintKind,
    /// The case it belongs to.
    pub case: Option<CaseId>,
    /// The container it goes on.
    pub container: ContainerId,
    /// SSCC, tracking number or order number.
    pub number: String,
    /// BLAKE3 of the bytes, hex.
    pub hash: String,
    /// Labels it makes.
    pub labels: u32,
    /// The first copy.
    pub original: PrintJobId,
    /// 1 for the first copy.
    pub copy: u32,
    /// Why there is another copy.
    pub reason: Option<String>,
    /// Who asked for it.
    pub asked_by: String,
    /// Where it is.
    pub state: JobState,
    /// The printer's count before the first byte.
    #[serde(skip)]
    pub odometer: Option<u64>,
    /// Times the line failed before the first byte.
    pub attempts: u32,
    /// Not sent before this.
    #[serde(skip)]
    pub not_before: UtcMillis,
    /// When it was asked for.
    pub created_at: UtcMillis,
    /// When it is no longer worth printing.
    pub expires_at: UtcMillis,
    /// When its state changed last.
    pub changed_at: UtcMillis,
    /// Whether its bytes are still kept.
    pub kept: bool,
}

const COLUMNS: &str = "id, printer, kind, case_id, container, number, hash, labels, original, copy, reason, \
     asked_by, state, odometer, attempts, not_before, created_at, expires_at, changed_at, bytes IS NOT NULL";
const LIVE: &str =
    "state IN ('queued', 'sending', 'sent_unconfirmed', 'failed_before_first_byte', 'unknown')";

/// The kind of the records that a label's bytes are sealed as.
pub const SEALED_AS: &str = "print";

/// The number of the next first copy.
pub fn next_id(conn: &Connection) -> StoreResult<PrintJobId> {
    let next = conn.query_row("SELECT coalesce(max(id), 0) + 1 FROM print_job", [], |row| row.get(0))?;
    Ok(PrintJobId(next))
}

/// Stores a first copy under the next number, its bytes sealed under that name. The caller has checked their size.
pub fn insert(
    conn: &Connection,
    id: PrintJobId,
    now: UtcMillis,
    job: &NewPrintJob,
    sealed: &[u8],
) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO print_job (id, printer, kind, case_id, container, number, bytes, hash, labels, original, copy,
             request, asked_by, state, not_before, created_at, expires_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?1, 1, ?13, ?10, 'queued', ?11, ?11, ?12, ?11)",
    )?
    .execute(params![
        id.0,
        job.printer,
        job.kind.as_str(),
        job.case.map(|case| case.to_string()),
        job.container.as_str(),
        job.number,
        sealed,
        blake3::hash(&job.bytes).to_hex().as_str(),
        job.labels,
        job.asked_by,
        now.0,
        job.expires_at.0,
        job.request,
    ])?;
    Ok(())
}

/// Stores another copy of the label that `of` is a copy of.
pub fn insert_copy(
    conn: &Connection,
    now: UtcMillis,
    of: &PrintJob,
    copy: NewCopy<'_>,
) -> StoreResult<PrintJobId> {
    let next = next_id(conn)?;
    conn.prepare_cached(
        "INSERT INTO print_job (id, printer, kind, case_id, container, number, bytes, hash, labels, original, copy,
             reason, request, asked_by, state, not_before, created_at, expires_at, changed_at)
         SELECT ?1, printer, kind, case_id, container, number, bytes, hash, labels, original,
             (SELECT max(copy) + 1 FROM print_job AS copies WHERE copies.original = print_job.original),
             ?3, ?4, ?5, 'queued', ?6, ?6, ?7, ?6
         FROM print_job WHERE id = ?2",
    )?
    .execute(params![next.0, of.id.0, copy.reason, copy.request, copy.asked_by, now.0, copy.expires_at.0])?;
    Ok(next)
}

/// The job with this number.
pub fn find(conn: &Connection, id: PrintJobId) -> StoreResult<Option<PrintJob>> {
    one(conn, &format!("SELECT {COLUMNS} FROM print_job WHERE id = ?1"), [id.0])
}

/// The copy that a request made.
pub fn of_request(conn: &Connection, request: &str) -> StoreResult<Option<PrintJob>> {
    one(conn, &format!("SELECT {COLUMNS} FROM print_job WHERE request = ?1"), [request])
}

/// The copy of a label that may still come out.
pub fn live_copy(conn: &Connection, original: PrintJobId) -> StoreResult<Option<PrintJob>> {
    one(conn, &format!("SELECT {COLUMNS} FROM print_job WHERE original = ?1 AND {LIVE}"), [original.0])
}

/// The job a printer's worker has to look at: first the one whose printing is to be confirmed, then in order.
pub fn next_of(conn: &Connection, printer: &str) -> StoreResult<Option<PrintJob>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM print_job
         WHERE printer = ?1 AND {LIVE}
           AND (state IN ('queued', 'failed_before_first_byte')
                OR (state = 'sent_unconfirmed' AND odometer IS NOT NULL))
         ORDER BY state = 'sent_unconfirmed' DESC, id LIMIT 1"
    );
    one(conn, &sql, [printer])
}

/// Jobs that are not over, of all printers, oldest first.
pub fn live(conn: &Connection) -> StoreResult<Vec<PrintJob>> {
    many(conn, &format!("SELECT {COLUMNS} FROM print_job WHERE {LIVE} ORDER BY id"), [])
}

/// The newest jobs, at most `limit`.
pub fn newest(conn: &Connection, limit: u32) -> StoreResult<Vec<PrintJob>> {
    many(conn, &format!("SELECT {COLUMNS} FROM print_job ORDER BY id DESC LIMIT ?1"), [limit])
}

/// All jobs of a case, oldest first.
pub fn of_case(conn: &Connection, case: CaseId) -> StoreResult<Vec<PrintJob>> {
    let sql = format!("SELECT {COLUMNS} FROM print_job WHERE case_id = ?1 ORDER BY id");
    many(conn, &sql, [case.to_string()])
}

/// The bytes of a job, or nothing when they were forgotten. Bytes that are not what was stored are an error: a wrong
/// label is worse than none.
pub fn bytes(conn: &Connection, vault: &Vault, id: PrintJobId) -> StoreResult<Option<Vec<u8>>> {
    let found: Option<(Option<Vec<u8>>, String, i64)> = conn
        .prepare_cached("SELECT bytes, hash, original FROM print_job WHERE id = ?1")?
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((Some(sealed), hash, original)) = found else { return Ok(None) };
    let key = original.to_string();
    let Some(secret) = vault.get(SEALED_AS, &key)? else { return Ok(None) };
    let bytes = secret
        .open(Name { kind: SEALED_AS, key: &key }, &sealed)
        .map_err(|error| StoreError::corrupt("print_job", id, error))?;
    if blake3::hash(&bytes).to_hex().as_str() != hash {
        return Err(StoreError::corrupt("print_job", id, "its bytes do not have their hash"));
    }
    Ok(Some(bytes))
}

/// Writes a state and what belongs to it.
pub fn update(conn: &Connection, now: UtcMillis, job: &PrintJob) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE print_job SET state = ?2, odometer = ?3, attempts = ?4, not_before = ?5, expires_at = ?6,
             changed_at = ?7 WHERE id = ?1",
    )?
    .execute(params![
        job.id.0,
        job.state.as_str(),
        job.odometer.and_then(|count| i64::try_from(count).ok()),
        job.attempts,
        job.not_before.0,
        job.expires_at.0,
        now.0,
    ])?;
    Ok(())
}

/// Drops what is left of a label's bytes once their key is gone: of all its copies.
pub fn forget(conn: &Connection, original: PrintJobId) -> StoreResult<()> {
    conn.prepare_cached("UPDATE print_job SET bytes = NULL WHERE original = ?1")?.execute([original.0])?;
    Ok(())
}

fn one(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> StoreResult<Option<PrintJob>> {
    conn.prepare_cached(sql)?.query_row(params, |row| Ok(read(row))).optional()?.transpose()
}

fn many(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> StoreResult<Vec<PrintJob>> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

fn read(row: &Row<'_>) -> StoreResult<PrintJob> {
    let id: i64 = row.get(0)?;
    let corrupt = |why: String| StoreError::corrupt("print_job", id, why);
    let case: Option<String> = row.get(3)?;
    Ok(PrintJob {
        id: PrintJobId(id),
        printer: row.get(1)?,
        kind: row.get::<_, String>(2)?.parse().map_err(corrupt)?,
        case: case
            .map(|text| text.parse())
            .transpose()
            .map_err(|e| StoreError::corrupt("print_job", id, e))?,
        container: row
            .get::<_, String>(4)?
            .parse()
            .map_err(|e: outpost_model::id::IdError| StoreError::corrupt("print_job", id, e))?,
        number: row.get(5)?,
        hash: row.get(6)?,
        labels: row.get(7)?,
        original: PrintJobId(row.get(8)?),
        copy: row.get(9)?,
        reason: row.get(10)?,
        asked_by: row.get(11)?,
        state: row
            .get::<_, String>(12)?
            .parse()
            .map_err(|e: crate::device::job::JobStateError| StoreError::corrupt("print_job", id, e))?,
        odometer: row.get::<_, Option<i64>>(13)?.and_then(|count| u64::try_from(count).ok()),
        attempts: row.get(14)?,
        not_before: UtcMillis(row.get(15)?),
        created_at: UtcMillis(row.get(16)?),
        expires_at: UtcMillis(row.get(17)?),
        changed_at: UtcMillis(row.get(18)?),
        kept: row.get(19)?,
    })
}
