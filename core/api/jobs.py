"""Jobs: how far long work is, and the request to stop it."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.viewsets import ReadViewSet
from core.filters import JobFilter
from core.models import Job
from core.selectors.jobs import jobs_visible_to
from core.services import jobs


class JobSerializer(serializers.ModelSerializer):
    city: Any = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    created_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    over = serializers.BooleanField(read_only=True)

    class Meta:
        model = Job
        fields = [
            "ref", "kind", "title", "title_en", "city", "state", "over", "progress", "message", "error_code", "error", "result_url",
            "result", "cancel_requested", "attempts", "created_by", "created_at", "started_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class JobViewSet(ReadViewSet):
    """Long work. `state` goes queued → running → done | failed | cancelled; ask again until `over`."""

    queryset = Job.objects.select_related("city", "created_by")
    serializer_class = JobSerializer
    filterset_class = JobFilter
    lookup_field = "ref"
    ordering_fields = ["created_at", "finished_at", "state", "kind"]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return jobs_visible_to(user, queryset)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        jobs.look_after()
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, ref: str) -> Response:
        """Ask the job to stop. One that only waits is stopped at once."""
        job = self.get_object()
        jobs.cancel(user=request.user, job=job)
        job.refresh_from_db()
        return Response(self.get_serializer(job).data)
