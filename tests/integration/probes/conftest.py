from server_fixtures import dataset, server, template, workshop

__all__ = ["dataset", "server", "template", "workshop"]
