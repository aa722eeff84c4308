from rest_framework.routers import BaseRouter

from projects.api import (
    alerts,
    cases,
    drafts,
    files,
    handover,
    money,
    projects,
    rules,
    schedule,
    webhooks,
    works,
)


def register(router: BaseRouter) -> None:
    router.register("projects", projects.ProjectViewSet, basename="project")
    router.register("projects", money.ProjectMoneyViewSet, basename="project-money")
    router.register("projects", schedule.ProjectScheduleViewSet, basename="project-schedule")
    router.register("programme", schedule.ProgrammeFollowViewSet, basename="programme-follow")
    router.register("cases", cases.CaseViewSet, basename="case")
    router.register("projects", cases.ProjectCodeViewSet, basename="project-code")
    router.register("inbox", cases.InboxViewSet, basename="inbox")
    router.register(
        r"projects/(?P<project_ref>[^/]+)/dossier", files.DossierViewSet, basename="project-dossier"
    )
    router.register("publications", files.PublicationViewSet, basename="publication")
    router.register("alerts", alerts.AlertViewSet, basename="alert")
    router.register("alert-rules", alerts.AlertRuleViewSet, basename="alert-rule")
    router.register("supervision-runs", alerts.SupervisionRunViewSet, basename="supervision-run")
    router.register("works", works.WorksViewSet, basename="works")
    router.register("inspections", works.InspectionViewSet, basename="inspection")
    router.register("findings", works.FindingViewSet, basename="finding")
    router.register("photos", works.PhotoViewSet, basename="photo")
    router.register("inspection-draws", works.DrawViewSet, basename="inspection-draw")
    router.register("works-rules", works.WorksRuleViewSet, basename="works-rule")
    router.register("projects", drafts.ProjectNearViewSet, basename="project-near")
    router.register("programme", drafts.ProgrammeViewSet, basename="programme")
    router.register("project-imports", drafts.ProjectImportViewSet, basename="project-import")
    router.register("duplicate-rules", drafts.DuplicateRuleViewSet, basename="duplicate-rule")
    router.register("handovers", handover.HandoverViewSet, basename="handover")
    router.register("realised-gaps", handover.RealisedViewSet, basename="realised-gap")
    router.register("responsibilities", handover.ResponsibilityViewSet, basename="responsibility")
    router.register("webhooks", webhooks.WebhookViewSet, basename="webhook")
    router.register("events", webhooks.EventViewSet, basename="event")
    router.register("deputies", rules.DeputyViewSet, basename="deputy")
    router.register("calendar-years", rules.CalendarViewSet, basename="calendar-year")
    router.register("routes", rules.RouteViewSet, basename="route")
    router.register("projects", alerts.ProjectScopeViewSet, basename="project-scope")
