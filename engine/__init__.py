"""Pure numbers: travel, need, assignment, siting. No Django, no database, no settings.

Every stored result names this version; a change that can move a number raises it.
"""

ENGINE_VERSION = "1.4.0"
