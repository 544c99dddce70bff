"""Pack the running environment beside a model that is being logged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mlflow_kerasguard.artifact import ENVIRONMENT_PACK
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.packing.conda import FORMATS, require_conda_pack
from mlflow_kerasguard.packing.conda_environment import own_prefix
from mlflow_kerasguard.packing.manifest import manifest_of
from mlflow_kerasguard.packing.pack import require_packable, started_pack
from mlflow_kerasguard.signature import CompatibilitySignature

#: What `log_model` takes for `pack`.
CONDA = "conda"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingPlan:
    """An environment that can be packed.

    Attributes:
        prefix: its directory.
        environment: what is installed there.
    """

    prefix: Path
    environment: Environment

    def carry_out(self, signature: CompatibilitySignature, directory: Path) -> CompatibilitySignature:
        """Pack it into a model's directory.

        The signature covers the manifest, and the manifest holds the digest of the archive: a load doesn't have to
        read half a gigabyte that it has no use for, and unpacking notices any change all the same.

        Args:
            signature: of the model.
            directory: of the model.

        Returns:
            The signature with the digest of the manifest.

        Raises:
            PackError: it can't be packed.
        """
        archive = directory / ENVIRONMENT_PACK
        with started_pack(self.prefix, archive, FORMATS[0]) as finish:
            finish(self.environment)
        manifest = manifest_of(archive)
        digests = {manifest.relative_to(directory).as_posix(): sha256_of(manifest)}
        return replace(signature, files={**signature.files, **digests})


def plan_packing(pack: str | None) -> PackingPlan | None:
    """See that the environment of this interpreter can be packed, before anything else is done.

    Args:
        pack: ``"conda"``, or None not to.

    Raises:
        UsageError: it is something else.
        NotPackableError: the environment couldn't be restored; says what to do.
        PackError: this interpreter is in no conda environment, or conda-pack isn't there.
    """
    if pack is None:
        return None
    if pack != CONDA:
        raise UsageError(f"`pack` has to be `{CONDA}` or None, not {pack!r}")
    prefix = own_prefix()
    require_conda_pack()
    environment, _ = require_packable(prefix, ModelSpec(source=str(prefix), format="unknown"))
    return PackingPlan(prefix=prefix, environment=environment)
