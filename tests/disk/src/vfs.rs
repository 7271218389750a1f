//! The boundary to C: SQLite's table of functions, each of which finds its open file and asks the safe code.
//!
//! A function here does three things: it takes SQLite's pointers for what SQLite promises of them, calls one method of
//! [`Open`] or [`Shared`], and gives back a code. A panic does not cross the boundary: `extern "C"` ends the process.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Once, OnceLock};
use std::time::{Duration, SystemTime};

use rusqlite::ffi;

use crate::disk;
use crate::state::{Answer, Open, Shared};

/// What disks in memory are reached by.
pub(crate) const NAME: &str = "outpost-disk";
const NAME_C: &CStr = c"outpost-disk";
const FOLDER_NAME_C: &CStr = c"outpost-folder";
const PATH_BYTES_MAX: c_int = 1_024;
/// The beginning of time as SQLite counts it, in milliseconds before 1970.
const JULIAN_MS: i64 = 210_866_760_000_000;

/// The disk over real files, once one was installed.
static FOLDER: OnceLock<Arc<Shared>> = OnceLock::new();

/// An open file as SQLite holds it: its own part first, ours behind it.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    open: *mut Open,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Makes disks in memory known to SQLite, once.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| add(NAME_C, false));
}

/// Makes a disk over real files the one that this process uses by default.
pub(crate) fn install(shared: Arc<Shared>) {
    // A second installation would change the disk under open databases: the first one stays.
    if FOLDER.set(shared).is_ok() {
        add(FOLDER_NAME_C, true);
    }
}

fn add(name: &'static CStr, by_default: bool) {
    let vfs = ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: size_of::<Handle>() as c_int,
        mxPathname: PATH_BYTES_MAX,
        pNext: ptr::null_mut(),
        zName: name.as_ptr(),
        pAppData: ptr::null_mut(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: Some(dl_open),
        xDlError: Some(dl_error),
        xDlSym: Some(dl_sym),
        xDlClose: Some(dl_close),
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(get_last_error),
        xCurrentTimeInt64: Some(current_time_ms),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    };
    // Never freed: connections keep pointers to it for as long as the process lives.
    let vfs = Box::leak(Box::new(vfs));
    // SAFETY: the table is complete, lives as long as the process and is not touched by us again; SQLite writes only its
    // link to the next one.
    let code = unsafe { ffi::sqlite3_vfs_register(vfs, c_int::from(by_default)) };
    assert_eq!(code, ffi::SQLITE_OK, "SQLite takes any complete VFS");
}

/// The disk a name belongs to.
fn disk_of(name: Option<&str>) -> Option<Arc<Shared>> {
    match name {
        Some(name) => disk::find(name).or_else(|| FOLDER.get().cloned()),
        // A file without a name is seen by nobody else: any disk will do.
        None => Some(FOLDER.get().cloned().unwrap_or_default()),
    }
}

fn code(answer: Answer<()>) -> c_int {
    answer.err().unwrap_or(ffi::SQLITE_OK)
}

/// A name that SQLite passes; nothing when there is none or it is no text.
///
/// # Safety
///
/// `name` is null or a C string that lives through the call.
unsafe fn text<'a>(name: *const c_char) -> Option<&'a str> {
    if name.is_null() {
        return None;
    }
    // SAFETY: not null, so it is a C string by this function's contract.
    unsafe { CStr::from_ptr(name) }.to_str().ok()
}

/// The open file behind SQLite's pointer.
///
/// # Safety
///
/// `file` was filled by [`open`] with success and [`close`] was not called on it.
unsafe fn opened<'a>(file: *mut ffi::sqlite3_file) -> &'a Open {
    let handle = file.cast::<Handle>();
    // SAFETY: SQLite allocated `szOsFile` bytes for it, so a whole `Handle` is there, and `open` filled it.
    let open = unsafe { (*handle).open };
    // SAFETY: `open` came from `Box::into_raw` and is freed by `close` alone. Only shared references are made of it, and
    // what changes in it is behind mutexes.
    unsafe { &*open }
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let handle = file.cast::<Handle>();
    let base = ffi::sqlite3_file { pMethods: ptr::null() };
    // SAFETY: SQLite hands over `szOsFile` writable bytes. Without methods it does not close what did not open.
    unsafe { handle.write(Handle { base, open: ptr::null_mut() }) };
    // SAFETY: SQLite passes null or a C string that lives as long as the file is open.
    let name = match unsafe { text(name) } {
        None if !name.is_null() => return ffi::SQLITE_CANTOPEN,
        name => name,
    };
    let Some(disk) = disk_of(name) else { return ffi::SQLITE_CANTOPEN };
    let opened = match disk.open(name, flags) {
        Ok(opened) => Box::into_raw(Box::new(opened)),
        Err(code) => return code,
    };
    let base = ffi::sqlite3_file { pMethods: &raw const METHODS };
    // SAFETY: as above; `close` gives the box back.
    unsafe { handle.write(Handle { base, open: opened }) };
    if !out_flags.is_null() {
        // SAFETY: not null, so SQLite gave a place for the flags.
        unsafe { out_flags.write(flags) };
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let handle = file.cast::<Handle>();
    // SAFETY: SQLite closes a file that `open` filled, and only once.
    let opened = unsafe { (*handle).open };
    // SAFETY: it came from `Box::into_raw` in `open`, and no reference into it outlives a call.
    drop(unsafe { Box::from_raw(opened) });
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let (Ok(count), Ok(offset)) = (usize::try_from(amount), u64::try_from(offset)) else {
        return ffi::SQLITE_IOERR_READ;
    };
    let buffer = buffer.cast::<u8>();
    // SAFETY: SQLite gives room for `amount` bytes. Zeroed first: a slice must not be made of bytes that were never
    // written, and what lies beyond the end is to be zero.
    unsafe { buffer.write_bytes(0, count) };
    // SAFETY: `count` initialized bytes that nobody else uses during the call.
    let into = unsafe { std::slice::from_raw_parts_mut(buffer, count) };
    // SAFETY: SQLite reads from open files only.
    code(unsafe { opened(file) }.read(into, offset))
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let (Ok(count), Ok(offset)) = (usize::try_from(amount), u64::try_from(offset)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: SQLite gives `amount` bytes that nobody changes during the call.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), count) };
    // SAFETY: SQLite writes to open files only.
    code(unsafe { opened(file) }.write(bytes, offset))
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    let Ok(size) = u64::try_from(size) else { return ffi::SQLITE_IOERR_TRUNCATE };
    // SAFETY: SQLite cuts open files only.
    code(unsafe { opened(file) }.truncate(size))
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite syncs open files only.
    code(unsafe { opened(file) }.sync())
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite asks open files only.
    match unsafe { opened(file) }.size() {
        Ok(bytes) => {
            // SAFETY: SQLite gives a place for the size.
            unsafe { size.write(i64::try_from(bytes).unwrap_or(i64::MAX)) };
            ffi::SQLITE_OK
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite locks open files only.
    code(unsafe { opened(file) }.lock(level))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite unlocks open files only.
    code(unsafe { opened(file) }.unlock(level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite asks open files only.
    match unsafe { opened(file) }.is_reserved() {
        Ok(reserved) => {
            // SAFETY: SQLite gives a place for the answer.
            unsafe { out.write(c_int::from(reserved)) };
            ffi::SQLITE_OK
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    crate::survive::SECTOR as c_int
}

unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    // What SQLite's Unix layer says by default, and what crash images keep to.
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    let (Ok(region), Ok(bytes)) = (usize::try_from(region), usize::try_from(bytes)) else {
        return ffi::SQLITE_IOERR_SHMMAP;
    };
    // SAFETY: SQLite maps memory of open files only.
    let start = match unsafe { opened(file) }.share(extend != 0) {
        Ok(memory) => memory.region(region, bytes, extend != 0),
        Err(code) => return code,
    };
    // SAFETY: SQLite gives a place for the pointer. What it points to lives until `shm_unmap` or `close` of this file:
    // until then the open file holds the memory.
    unsafe { out.write(start.map_or(ptr::null_mut(), |start| start.as_ptr().cast())) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    let (Ok(first), Ok(count)) = (u32::try_from(offset), u32::try_from(count)) else {
        return ffi::SQLITE_IOERR_SHMLOCK;
    };
    // SAFETY: SQLite locks memory of open files only.
    code(unsafe { opened(file) }.slots(first, count, flags))
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: SQLite unmaps memory of open files only, and has forgotten its pointers by now.
    unsafe { opened(file) }.unshare();
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: SQLite passes a C string.
    let Some(name) = (unsafe { text(name) }) else { return ffi::SQLITE_IOERR_DELETE };
    let Some(disk) = disk_of(Some(name)) else { return ffi::SQLITE_IOERR_DELETE_NOENT };
    code(disk.delete(name, sync_folder != 0))
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes a C string.
    let name = unsafe { text(name) };
    let there = name.is_some_and(|name| disk_of(Some(name)).is_some_and(|disk| disk.exists(name)));
    // SAFETY: SQLite gives a place for the answer.
    unsafe { out.write(c_int::from(there)) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a C string.
    let Some(name) = (unsafe { text(name) }) else { return ffi::SQLITE_CANTOPEN };
    let Ok(full) = std::path::absolute(name) else { return ffi::SQLITE_CANTOPEN };
    let bytes = full.as_os_str().as_encoded_bytes();
    if bytes.len() + 1 > usize::try_from(room).unwrap_or(0) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite gives `room` bytes, which was checked to be enough, and they do not overlap ours.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast(), bytes.len()) };
    // SAFETY: the byte behind them is inside the room, too.
    let end = unsafe { out.add(bytes.len()) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, count: c_int, out: *mut c_char) -> c_int {
    let bytes: Vec<u8> = (0..count.max(0)).map(|_| rand::random()).collect();
    // SAFETY: SQLite gives room for `count` bytes.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast(), bytes.len()) };
    count
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    std::thread::sleep(Duration::from_micros(u64::try_from(micros).unwrap_or(0)));
    micros
}

fn now_ms() -> i64 {
    #[allow(clippy::disallowed_methods, reason = "the time SQLite asks its system for")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    JULIAN_MS + i64::try_from(since.as_millis()).unwrap_or(0)
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: SQLite gives a place for the time.
    unsafe { out.write(now_ms() as f64 / 86_400_000.0) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_ms(_: *mut ffi::sqlite3_vfs, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a place for the time.
    unsafe { out.write(now_ms()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn get_last_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}

// Extensions are never loaded from a disk for tests.

unsafe extern "C" fn dl_open(_: *mut ffi::sqlite3_vfs, _: *const c_char) -> *mut c_void {
    ptr::null_mut()
}

unsafe extern "C" fn dl_error(_: *mut ffi::sqlite3_vfs, room: c_int, message: *mut c_char) {
    if room > 0 {
        // SAFETY: there is room for one byte at least.
        unsafe { message.write(0) };
    }
}

unsafe extern "C" fn dl_sym(
    _: *mut ffi::sqlite3_vfs,
    _: *mut c_void,
    _: *const c_char,
) -> Option<unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *mut c_void, *const c_char)> {
    None
}

unsafe extern "C" fn dl_close(_: *mut ffi::sqlite3_vfs, _: *mut c_void) {}
