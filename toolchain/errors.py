"""The one exception of the toolchain's boundary."""


class ToolchainError(Exception):
    """Something the host lacks or a build that failed.

    Args:
        value: what was found, in words that show the value.
        rule: the rule that it broke.
        remedy: the one next thing to do.
    """

    def __init__(self, value: str, rule: str, remedy: str) -> None:
        super().__init__(f"{value}\n  rule:   {rule}\n  remedy: {remedy}")
        self.value, self.rule, self.remedy = value, rule, remedy
