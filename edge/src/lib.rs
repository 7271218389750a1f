//! The site daemon: picks, packs, labels and hands over on its own SQLite.
