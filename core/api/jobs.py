"""Jobs: how far long work is, and the request to stop it."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.viewsets import ReadViewSet
from core.filters import JobFilter
from core.models import Job
from core.selectors.jobs import jobs_visible_to
from core.services import jobs, shards


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


class PiecesSerializer(serializers.Serializer):
    """One stage of a job that was cut into pieces which any worker may take."""

    stage = serializers.CharField()
    title = serializers.CharField(help_text="What people call the stage")
    pieces = serializers.IntegerField()
    queued = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    workers = serializers.IntegerField(help_text="Worker processes that hold or did a piece")
    seconds = serializers.FloatField(help_text="From the first piece's start to the last one's end so far")


class OneJobSerializer(JobSerializer):
    """A job asked for by its reference also tells its pieces."""

    pieces = serializers.SerializerMethodField()

    class Meta(JobSerializer.Meta):
        fields = [*JobSerializer.Meta.fields, "pieces"]
        read_only_fields = fields

    @extend_schema_field(PiecesSerializer(many=True))
    def get_pieces(self, job: Job) -> Any:
        return PiecesSerializer(shards.pieces_told(job), many=True).data


class JobViewSet(ReadViewSet):
    """Long work. `state` goes queued → running → done | failed | cancelled; ask again until `over`. `progress` is the share
    done, `message` the stage in words; one job also tells its `pieces`."""

    queryset = Job.objects.select_related("city", "created_by")
    serializer_class = JobSerializer
    filterset_class = JobFilter
    lookup_field = "ref"
    ordering_fields = ["created_at", "finished_at", "state", "kind"]

    def get_serializer_class(self) -> Any:
        return OneJobSerializer if self.action in {"retrieve", "cancel"} else JobSerializer

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return jobs_visible_to(user, queryset)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        jobs.look_after()
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=None, responses=OneJobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, ref: str) -> Response:
        """Ask the job to stop. One that only waits is stopped at once."""
        job = self.get_object()
        jobs.cancel(user=request.user, job=job)
        job.refresh_from_db()
        return Response(self.get_serializer(job).data)
