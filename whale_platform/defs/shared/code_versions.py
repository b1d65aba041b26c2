"""The code version of an asset: a hash of the modules that compute it, so that only their change makes it outdated.

Dagster takes a code version with the definition, so these files of the package are read when the asset's module is
imported; no other file is. A module that does not exist ends the import with FileNotFoundError.
"""

import hashlib
from types import ModuleType

from whale_platform.version import ROOT


def hash_modules(*modules: ModuleType | str) -> str:
    """Return 12 hexadecimal digits that change with the source of any of these modules.

    A module whose libraries definitions must not load is given by its name.
    """
    digest = hashlib.sha256()
    for module in modules:
        name = module if isinstance(module, str) else module.__name__
        digest.update((ROOT / f"{name.replace('.', '/')}.py").read_bytes())
    return digest.hexdigest()[:12]
