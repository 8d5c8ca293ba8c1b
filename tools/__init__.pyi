from .approvals import Approvals as Approvals
from .approvals import approvals_of as approvals_of
from .states import OfferedTool as OfferedTool
from .states import ServerState as ServerState
from .toolbox import Toolbox as Toolbox
from .toolbox import open_toolbox as open_toolbox
