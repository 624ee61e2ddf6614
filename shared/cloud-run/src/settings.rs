//! The settings that every push function has.

use std::path::{Path, PathBuf};
use std::{fs, io};

use domain::Definitions;
use tracing::level_filters::LevelFilter;

use crate::config;
use crate::{Config, ConfigError, SetupError};

/// What the environment says, read once at the start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `BUCKET`: the bucket whose objects are read and written. Required. Deliveries that concern
    /// another bucket are skipped.
    pub bucket: String,
    /// `HOST`: the address to listen on; `0.0.0.0` unless set, as Cloud Run requires.
    pub host: String,
    /// `PORT`: the port to listen on; 8080 unless set. 0 takes a free one, which the first log
    /// line names. Cloud Run sets it.
    pub port: u16,
    /// `STORAGE_EMULATOR_HOST`: the URL of an emulator to use instead of Cloud Storage.
    pub storage_emulator_host: Option<String>,
    /// `GOOGLE_CLOUD_PROJECT`: the project in which traces lie. Without it log lines carry the
    /// bare trace id.
    pub google_cloud_project: Option<String>,
    /// `DEFINITIONS_DIR`: a folder of entity definitions to use instead of the embedded ones.
    pub definitions_dir: Option<PathBuf>,
    /// `LOG_LEVEL`: the least severe level that is logged: `off`, `error`, `warn`, `info`,
    /// `debug` or `trace`; `info` unless set.
    pub log_level: LevelFilter,
    /// `K_SERVICE`: the name of the service. Cloud Run sets it.
    pub service: Option<String>,
    /// `K_REVISION`: the deployed revision. Cloud Run sets it.
    pub revision: Option<String>,
}

impl Settings {
    /// Reads all of them.
    ///
    /// # Errors
    ///
    /// The first variable that is missing or cannot be used.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            bucket: config.required("BUCKET")?,
            host: config.parsed("HOST", "0.0.0.0".to_owned())?,
            port: config.parsed("PORT", 8080)?,
            storage_emulator_host: config.read("STORAGE_EMULATOR_HOST")?,
            google_cloud_project: config.read("GOOGLE_CLOUD_PROJECT")?,
            definitions_dir: config.read("DEFINITIONS_DIR")?.map(PathBuf::from),
            log_level: config.parsed("LOG_LEVEL", LevelFilter::INFO)?,
            service: config.read("K_SERVICE")?,
            revision: ascii(config, "K_REVISION")?,
        })
    }

    /// The entity definitions: those of the folder, or else the embedded ones.
    ///
    /// # Errors
    ///
    /// A folder that cannot be read, or the first file in it that is no definition.
    pub fn definitions(&self) -> Result<Definitions, SetupError> {
        let Some(folder) = &self.definitions_dir else { return Ok(Definitions::embedded()) };
        let wrong = |err: String| format!("DEFINITIONS_DIR {}: {err}", folder.display());
        let files = definition_files(folder).map_err(|err| wrong(err.to_string()))?;
        let definitions = Definitions::from_files(files).map_err(|err| wrong(err.to_string()))?;
        if definitions.names().len() == 0 {
            return Err(wrong("has no {entity}/entity.json".to_owned()).into());
        }
        Ok(definitions)
    }

    /// What derived objects carry as their software version: the deployed revision, or the
    /// version of the workspace outside Cloud Run. ASCII.
    pub fn version(&self) -> &str {
        self.revision.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"))
    }
}

/// The JSON files one level below `folder`, as `{entity}/{file}` and text.
fn definition_files(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for kind in fs::read_dir(folder)? {
        let kind = kind?;
        if !kind.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(kind.path())? {
            let file = file?;
            let name = file.file_name();
            let name = format!("{}/{}", kind.file_name().display(), name.display());
            if name.ends_with(".json") {
                files.push((name, fs::read_to_string(file.path())?));
            }
        }
    }
    Ok(files)
}

/// Custom metadata of objects holds ASCII only.
fn ascii(config: &Config, var: &str) -> Result<Option<String>, ConfigError> {
    let value = config.read(var)?;
    match &value {
        Some(text) if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(config::error(var, "is not printable ASCII"))
        }
        _ => Ok(value),
    }
}
