from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from projects.api.rules import OneRouteSerializer, RouteSerializer
from projects.management.commands._acting import ActingCommand
from projects.models import Route
from projects.selectors import routes as selectors
from projects.services import routes


class Command(ActingCommand):
    help = """Routes of cases, as versioned data.

    routes list --as tang.lei                      every version, with how many cases run on it
    routes show approval 1 --as tang.lei           its document
    routes yaml approval 1 --as tang.lei           the same as YAML text, to change and draft again
    routes draft FILE --as tang.lei                the draft of the next version; everything wrong is told at once
    routes publish approval 2 --as zhao.min        by somebody else than who drafted it
    routes retire approval 1 --as zhao.min
    routes drop approval 2 --as tang.lei           throws a draft away
    """
    acts = ("list", "show", "yaml", "draft", "publish", "retire", "drop")

    def _one(self, words: list[str]) -> Route:
        found = selectors.routes().filter(code=words[0], version=int(words[1])).first()
        if found is None:
            raise CommandError(f"no route {words[0]} v{words[1]}")
        return found

    def do_list(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return RouteSerializer(selectors.routes(), many=True).data

    def do_show(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return OneRouteSerializer(self._one(words)).data

    def do_yaml(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return {"yaml": routes.write_document(self._one(words).document)}

    def do_draft(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        path = Path(words[0])
        if not path.is_file():
            raise CommandError(f"there is no file {path}")
        document = routes.read_document(path.read_text(encoding="utf-8"))
        made = routes.store_draft(user=user, document=document)
        return RouteSerializer(self._one([made.code, str(made.version)])).data

    def do_publish(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        routes.publish(user=user, route=self._one(words))
        return RouteSerializer(self._one(words)).data

    def do_retire(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        routes.retire(user=user, route=self._one(words))
        return RouteSerializer(self._one(words)).data

    def do_drop(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        routes.drop_draft(user=user, route=self._one(words))
        return {"dropped": " v".join(words[:2])}
