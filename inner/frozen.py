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
        cls.__match_args__ = names
        cls.__defaults__ = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
        for name, method in METHODS:
            setattr(cls, name, method)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = _repr
        return cls

    def _init(self, *args, **kwargs):
        cls, fill = type(self), self.__dict__
        names = cls.__match_args__
        if len(args) > len(names):
            raise TypeError(f"{cls.__name__}() takes {len(names)} arguments, got {len(args)}")
        fill.update(zip(names, args, strict=False))
        for name in names[len(args) :]:
            if name in kwargs:
                fill[name] = kwargs.pop(name)
            elif name in cls.__defaults__:
                fill[name] = cls.__defaults__[name]
            else:
                raise TypeError(f"{cls.__name__}() misses `{name}`")
        if kwargs:
            raise TypeError(f"{cls.__name__}() got unexpected {', '.join(kwargs)}")

    def _setattr(self, name, _value):
        raise AttributeError(f"{type(self).__name__} is immutable: cannot set `{name}`")

    def _delattr(self, name):
        raise AttributeError(f"{type(self).__name__} is immutable: cannot delete `{name}`")

    def _repr(self):
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__match_args__)})"

    def _eq(self, other):
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def _hash(self):
        return hash((type(self), *values(self)))

    METHODS = (("__init__", _init), ("__setattr__", _setattr), ("__delattr__", _delattr), ("__eq__", _eq), ("__hash__", _hash))


def fields(record: object) -> tuple[str, ...]:
    """Names of a record's fields, in order."""
    return type(record).__match_args__  # type: ignore[attr-defined, no-any-return]


def values(record: object) -> tuple[object, ...]:
    """What is in them."""
    return tuple([getattr(record, name) for name in fields(record)])


if TYPE_CHECKING:

    def replace(record: T, **changes: object) -> T: ...

else:

    def replace(record, **changes):
        """A copy of `record` with some fields changed; unknown names raise TypeError."""
        return type(record)(**{**dict(zip(fields(record), values(record), strict=True)), **changes})


def assert_never(value: NoReturn) -> NoReturn:
    """Ends a `match` that must be exhaustive: mypy proves that it is, and this says so if it is not."""
    raise AssertionError(f"not handled: {value!r}")
