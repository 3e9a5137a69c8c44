//! Which ingest pipeline a data stream uses (contract, "Ingest pipelines").
//!
//! File names fill in what a data stream's manifest leaves open. `validate` checks that the pipelines can be read.

use super::data_stream::DataStream;
use super::package_files::Files;
use super::reader::Fields;
use crate::base::rule::Rule;

/// Fills in the pipeline names of a data stream, and refuses pipelines that nothing names (contract, "Unused
/// pipelines").
pub(super) fn match_pipelines(data_stream: &mut DataStream, files: &Files<'_>, fields: &Fields<'_>) {
    let folder = folder_of(data_stream);
    let names: Vec<&str> = files.children(&folder).into_iter().map(|(name, _)| name).collect();
    let has_default = names.iter().any(|name| matches!(*name, "default.json" | "default.yml"));
    match &mut data_stream.elasticsearch {
        Some(elasticsearch) if elasticsearch.pipeline_name.is_empty() => {
            if has_default {
                "default".clone_into(&mut elasticsearch.pipeline_name);
                "default".clone_into(&mut data_stream.ingest_pipeline);
            }
        }
        _ => {
            if has_default && data_stream.ingest_pipeline.is_empty() {
                "default".clone_into(&mut data_stream.ingest_pipeline);
            }
        }
    }
    if data_stream.ingest_pipeline.is_empty() && !names.is_empty() {
        fields.report(
            "ingest_pipeline",
            Rule::UnusedPipelines,
            format!("unused pipelines in the package (dataset: {}): {}", data_stream.dataset, names.join(",")),
        );
    }
}

/// The folder of a data stream's pipelines.
pub(super) fn folder_of(data_stream: &DataStream) -> String {
    format!("data_stream/{}/elasticsearch/ingest_pipeline", data_stream.folder)
}
