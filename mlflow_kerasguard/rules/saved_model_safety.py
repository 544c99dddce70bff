"""KG1xx: operations of a SavedModel's graph that do something else than compute."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.rules.registry import rule
from mlflow_kerasguard.saved_graph import find_graph

#: What operations do that act on more than tensors. What every SavedModel has to load and save its own
#: variables and vocabularies (`RestoreV2`, `SaveV2`, `InitializeTableFromTextFileV2`) isn't among them.
_ACTS = {
    "runs a Python function of the process": "PyFunc PyFuncStateless EagerPyFunc",
    "writes a file": "WriteFile Save SaveSlices SaveDataset SaveDatasetV2 DatasetToTFRecord "
    "ExperimentalDatasetToTFRecord DistributedSave SnapshotDataset SnapshotDatasetV2 CreateSummaryFileWriter "
    "CreateSummaryDbWriter DumpTensor DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummary "
    "DebugNumericSummaryV2",
    "reads files of the machine": "ReadFile MatchingFiles MatchingFilesDataset ExperimentalMatchingFilesDataset "
    "ImmutableConst WholeFileReader WholeFileReaderV2 TextLineReader TextLineReaderV2 FixedLengthRecordReader "
    "FixedLengthRecordReaderV2 TFRecordReader TFRecordReaderV2 LMDBReader TextLineDataset TFRecordDataset "
    "TFRecordDatasetV2 FixedLengthRecordDataset FixedLengthRecordDatasetV2 CSVDataset CSVDatasetV2 "
    "ExperimentalCSVDataset LMDBDataset ExperimentalLMDBDataset LoadDataset ListSnapshotChunksDataset "
    "SnapshotDatasetReader SnapshotChunkDataset LoadAndRemapMatrix GenerateVocabRemapping Restore RestoreSlice",
    "opens a database": "SqlDataset ExperimentalSqlDataset",
    "changes how files are opened": "FileSystemSetConfiguration",
    "calls out over the network": "RpcCall RpcClient RpcServer RpcServerRegister RpcServerStart RpcGetValue "
    "DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4 RegisterDataset "
    "RegisterDatasetV2",
    "runs another graph, which a constant hides": "DatasetFromGraph",
    "ends the process": "Abort",
}

_REASONS = {name: reason for reason, names in _ACTS.items() for name in names.split()}


@rule(
    "KG115",
    Level.ERROR,
    title="the graph holds an operation that acts on files, network or process",
    why="A SavedModel is a program. Its operations run with all rights of the process that loads and calls it, and "
    "what computes predictions has no need to open files or to run Python.",
)
def acting_operation(model: ModelSpec, _env: Environment) -> Iterator[Mismatch | Unknown]:
    graph = find_graph(model)
    for operation in graph.operations if graph is not None else ():
        path = f"tf.raw_ops.{operation.name}"
        if operation.name in _REASONS and path not in model.trusted:
            yield Mismatch(
                where=operation.where,
                expected="operations on tensors",
                found=f"`{operation.name}`, which {_REASONS[operation.name]}",
                fix=f"don't load it; if it is your own, export it without that, or pass `trusted=['{path}']`",
            )
