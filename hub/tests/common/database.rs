//! A database of its own for every test.

use outpost_hub::store::Store;
use outpost_hub::store::vault::{Kept, Vault};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

/// A database that is gone with its value.
pub struct Database {
    pub url: String,
    pub directory: TempDir,
}

impl Database {
    /// A file in a folder of its own.
    pub fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("hub.db").display());
        Self { url, directory }
    }

    /// A database on the server the environment names. Without a server this fails, unless whoever runs the tests
    /// has said that SQLite alone is enough.
    pub async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("OUTPOST_TEST_POSTGRES") else {
            let chosen = std::env::var("OUTPOST_TEST_DATABASES").unwrap_or_default();
            assert_eq!(
                chosen, "sqlite",
                "OUTPOST_TEST_POSTGRES names no PostgreSQL server; set OUTPOST_TEST_DATABASES=sqlite to test without"
            );
            return None;
        };
        sqlx::any::install_default_drivers();
        let name = format!("hub_{}", uuid::Uuid::from_u128(rand::random()).simple());
        let mut connection = sqlx::AnyConnection::connect(&server).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        Some(Self { url: format!("{base}/{name}"), directory: TempDir::new().unwrap() })
    }

    /// Opens it once more, beside whoever has it open.
    pub async fn store(&self) -> Store {
        let url = format!("sqlite://{}?mode=rwc", self.directory.path().join("vault.db").display());
        let kept = Kept { contacts_ms: 1, payloads_ms: 1, labels_ms: 1, set_aside_ms: 1 };
        let vault = Vault::open(&url, kept).await.unwrap();
        Store::open(&self.url, 4, vault).await.unwrap()
    }

    /// A copy of it as it is now; nobody may have it open.
    pub async fn copy(&self) -> String {
        if !self.is_postgres() {
            let copied = self.directory.path().join(format!("copy-{}", rand::random::<u64>()));
            std::fs::copy(self.directory.path().join("hub.db"), &copied).unwrap();
            return copied.display().to_string();
        }
        let (base, name) = self.url.rsplit_once('/').unwrap();
        let copied = format!("{name}_{}", rand::random::<u32>());
        let mut connection = sqlx::AnyConnection::connect(&format!("{base}/postgres")).await.unwrap();
        let sql = format!("CREATE DATABASE {copied} TEMPLATE {name}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        format!("{base}/{copied}")
    }

    /// Puts a copy in its place, as somebody would by hand.
    pub fn put_back(&mut self, copied: String) {
        if self.is_postgres() {
            self.url = copied;
            return;
        }
        for ending in ["-wal", "-shm"] {
            // Gone already when the last connection was closed.
            let _ = std::fs::remove_file(self.directory.path().join(format!("hub.db{ending}")));
        }
        std::fs::copy(copied, self.directory.path().join("hub.db")).unwrap();
    }

    pub fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }
}
