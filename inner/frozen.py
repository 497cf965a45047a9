"""Immutable records for the core, at the price of a class statement.

`inner run` must not import `dataclasses` (17 ms), `typing` (4 ms) or `collections` to describe a box. Type checkers see
`@frozen` as a frozen dataclass (PEP 681); at run time it adds `__init__`, `__repr__`, `__eq__`, `__hash__` and `__match_args__`.
Nothing else belongs here: a class that needs more than this is not a record.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TypeVar, dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True)
    def frozen(cls: type[T]) -> type[T]: ...

else:

    def frozen(cls):
        names = tuple(cls.__dict__.get("__annotations__") or cls.__annotations__)
        defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}

        def __init__(self, *args, **kwargs):
            fill = self.__dict__
            if len(args) > len(names):
                raise TypeError(f"{cls.__name__}() takes {len(names)} arguments, got {len(args)}")
            fill.update(zip(names, args, strict=False))
            for name in names[len(args) :]:
                if name in kwargs:
                    fill[name] = kwargs.pop(name)
                elif name in defaults:
                    fill[name] = defaults[name]
                else:
                    raise TypeError(f"{cls.__name__}() misses `{name}`")
            if kwargs:
                raise TypeError(f"{cls.__name__}() got unexpected {', '.join(kwargs)}")

        def __setattr__(self, name, value):
            raise AttributeError(f"{cls.__name__} is immutable: cannot set `{name}`")

        def __delattr__(self, name):
            raise AttributeError(f"{cls.__name__} is immutable: cannot delete `{name}`")

        def __repr__(self):
            return f"{cls.__name__}({', '.join(f'{n}={self.__dict__[n]!r}' for n in names)})"

        def __eq__(self, other):
            return self.__dict__ == other.__dict__ if other.__class__ is self.__class__ else NotImplemented

        def __hash__(self):
            return hash((cls, *(self.__dict__[n] for n in names)))

        for method in (__init__, __setattr__, __delattr__, __eq__, __hash__):
            setattr(cls, method.__name__, method)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = __repr__
        cls.__match_args__ = names
        return cls


def fields(record: object) -> tuple[str, ...]:
    """Names of a record's fields, in order."""
    return type(record).__match_args__  # type: ignore[attr-defined, no-any-return]


if TYPE_CHECKING:

    def replace(record: T, **changes: object) -> T: ...

else:

    def replace(record, **changes):
        """A copy of `record` with some fields changed; unknown names raise TypeError."""
        return type(record)(**{**record.__dict__, **changes})


def assert_never(value: NoReturn) -> NoReturn:
    """Ends a `match` that must be exhaustive: mypy proves that it is, and this says so if it is not."""
    raise AssertionError(f"not handled: {value!r}")
