"""Where captured code comes from: the commit of the repository that its files are in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mlflow_kerasguard.source_identity import Provenance


def provenance_of(paths: Iterable[Path]) -> Provenance | None:
    """The repository that the files are in, the first one's; None where they are in none, or git isn't there."""
    files = sorted({path.resolve() for path in paths})
    repository = _repository(files[0]) if files else None
    if repository is None:
        return None
    with repository:
        root = Path(repository.working_tree_dir)
        inside = [path.relative_to(root).as_posix() for path in files if path.is_relative_to(root)]
        return Provenance(
            commit=repository.head.commit.hexsha,
            branch=None if repository.head.is_detached else repository.active_branch.name,
            remote=_remote(repository),
            modified=tuple(_modified(repository, inside)),
        )


def _repository(path: Path) -> Any | None:
    """The repository of a file, if it has a commit and files of its own."""
    try:
        # MLflow brings GitPython, which fails to import where there is no `git`.
        import git

        repository = git.Repo(path.parent, search_parent_directories=True)
    except (ImportError, OSError, ValueError, _git_errors()):
        return None
    if repository.bare or not repository.head.is_valid():
        repository.close()
        return None
    return repository


def _git_errors() -> type[Exception]:
    try:
        from git.exc import GitError
    except ImportError:
        return OSError
    return GitError


def _modified(repository: Any, names: list[str]) -> list[str]:
    if not names:
        return []
    listing = repository.git.status("--porcelain", "-z", "--untracked-files=all", "--ignored", "--", *names)
    return sorted(entry[3:] for entry in listing.split("\0") if entry)


def _remote(repository: Any) -> str | None:
    remotes = {remote.name: remote for remote in repository.remotes}
    chosen = remotes.get("origin") or next(iter(remotes.values()), None)
    return _without_credentials(str(chosen.url)) if chosen is not None else None


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    if not parts.scheme or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
