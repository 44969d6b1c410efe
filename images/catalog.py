"""The catalog of images, typed and checked."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from toolchain.errors import ToolchainError
from toolchain.recipes import RECIPES

FOLDER = Path(__file__).parent
FILE = FOLDER / "catalog.toml"
RECIPE_FOLDER = FOLDER / "recipes"

Package = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]+$")]


class Image(BaseModel):
    """How one image is made.

    Attributes:
        recipe: the folder below `recipes/` with its Dockerfile.
        service: the folder below `services/`, for an image of ours (in place of a recipe).
        root: the Debian root that its `BASE` is; none for an image without an operating system.
        base: the image that its `BASE` is.
        programs: programs built from source that its Dockerfile finds below `programs/`.
        folders: name → `module//folder` of a Go module, which its Dockerfile finds below that name.
        holds: images that are put into its own containerd (the node image).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: str | None = None
    service: str | None = None
    root: str | None = None
    base: str | None = None
    programs: tuple[str, ...] = ()
    folders: dict[str, str] = {}
    holds: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_made_one_way(self) -> Self:
        if (self.recipe is None) == (self.service is None):
            raise ValueError("an image has either a `recipe` or a `service`")
        if self.root and self.base:
            raise ValueError("`root` and `base` are two ways to say what BASE is")
        return self


class Catalog(BaseModel):
    """All roots and images; every name in it leads somewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roots: dict[str, tuple[Package, ...]]
    images: dict[str, Image]

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> Self:
        for name, image in self.images.items():
            _known(name, "root", {image.root} - {None}, self.roots)
            _known(name, "image", ({image.base} - {None}) | set(image.holds), self.images)
            _known(name, "program", set(image.programs), RECIPES)
            if image.recipe and not (RECIPE_FOLDER / image.recipe / "Dockerfile").exists():
                raise ValueError(f"image {name!r}: no recipes/{image.recipe}/Dockerfile")
        return self


def _known(image: str, kind: str, used: set[str | None] | set[str], known: object) -> None:
    unknown = sorted(str(one) for one in used if one not in known)  # type: ignore[operator]  # a mapping of names
    if unknown:
        raise ValueError(f"image {image!r}: unknown {kind} {', '.join(unknown)}")


@cache
def catalog() -> Catalog:
    """The catalog of `catalog.toml`.

    Raises:
        ToolchainError: it breaks a rule.
    """
    return parse(FILE.read_text())


def parse(text: str) -> Catalog:
    """A catalog from TOML text.

    Raises:
        ToolchainError: it is no TOML, or breaks a rule.
    """
    try:
        return Catalog.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ToolchainError(f"images/catalog.toml: {error}", "the catalog is valid", "correct it") from None


def find(name: str) -> Image:
    """The image of that name.

    Raises:
        ToolchainError: there is none.
    """
    images = catalog().images
    if name not in images:
        raise ToolchainError(f"image {name!r}", f"an image is one of: {', '.join(sorted(images))}", "correct the name")
    return images[name]
