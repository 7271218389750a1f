//! A database of its own for every test.

use outpost_hub::store::Store;
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
        Store::open(&self.url, 4).await.unwrap()
    }

    pub fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }
}
