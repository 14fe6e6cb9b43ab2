# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the members of SARIF 2.1.0 that are sent, and the kind of each.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses

# Each entry is a SARIF object with its members as NAME=KIND. A kind is another object of this table, a
# scalar of clean.py, or WORD|WORD. KIND[] is a list, KIND[]! one of unique items, KIND{} a map of names.
# *NAME: required. ?NAME: one of the ?NAMEs is required. An object without them is removed.
# -NAME: not sent, because it means nothing outside the file or the machine that wrote it.
# All other members are not SARIF 2.1.0.
_TABLE = """
run: *tool=tool invocations=invocation[] language=language versionControlProvenance=versionControlDetails[]!
  automationDetails=runAutomationDetails baselineGuid=guid redactionTokens=text[]! defaultEncoding=text
  defaultSourceLanguage=text newlineSequences=text[]! columnKind=utf16CodeUnits|unicodeCodePoints
  taxonomies=toolComponent[] -artifacts -originalUriBaseIds -logicalLocations -threadFlowLocations -addresses
  -webRequests -webResponses -graphs -results -conversion -runAggregates -externalPropertyFileReferences
  -translations -policies -specialLocations -properties
invocation: *executionSuccessful=bool startTimeUtc=text endTimeUtc=text exitCode=int -commandLine -arguments
  -responseFiles -ruleConfigurationOverrides -notificationConfigurationOverrides -toolExecutionNotifications
  -toolConfigurationNotifications -exitCodeDescription -exitSignalName -exitSignalNumber
  -processStartFailureMessage -machine -account -processId -executableLocation -workingDirectory
  -environmentVariables -stdin -stdout -stderr -stdoutStderr -properties
versionControlDetails: *repositoryUri=uri revisionId=text branch=text revisionTag=text asOfTimeUtc=text
  properties=bag -mappedTo
runAutomationDetails: description=message id=text guid=guid correlationGuid=guid properties=bag
tool: *driver=toolComponent extensions=toolComponent[] properties=bag
toolComponent: *name=text guid=guid organization=text product=text productSuite=text
  shortDescription=multiformatMessageString fullDescription=multiformatMessageString fullName=text
  version=text semanticVersion=text dottedQuadFileVersion=dotted releaseDateUtc=text downloadUri=uri
  informationUri=uri language=language contents=localizedData|nonLocalizedData[]! isComprehensive=bool
  localizedDataSemanticVersion=text minimumRequiredLocalizedDataSemanticVersion=text
  associatedComponent=toolComponentReference supportedTaxonomies=toolComponentReference[]!
  rules=reportingDescriptor[]! taxa=reportingDescriptor[]! properties=bag -notifications -locations
  -globalMessageStrings -translationMetadata
toolComponentReference: name=text index=int guid=guid properties=bag
reportingDescriptor: *id=text deprecatedIds=text[]! guid=guid deprecatedGuids=guid[]! name=text
  deprecatedNames=text[]! shortDescription=multiformatMessageString fullDescription=multiformatMessageString
  messageStrings=multiformatMessageString{} defaultConfiguration=reportingConfiguration helpUri=uri
  help=multiformatMessageString relationships=reportingDescriptorRelationship[]! properties=bag
reportingConfiguration: enabled=bool level=level rank=rank parameters=bag properties=bag
reportingDescriptorReference: ?id=text index=int ?guid=guid toolComponent=toolComponentReference
  properties=bag
reportingDescriptorRelationship: *target=reportingDescriptorReference kinds=text[]! description=message
  properties=bag
result: ruleId=text ruleIndex=int rule=reportingDescriptorReference kind=kind level=any message=message
  analysisTarget=artifactLocation locations=location[] guid=guid correlationGuid=guid occurrenceCount=positive
  partialFingerprints=fingerprint{} fingerprints=fingerprint{} stacks=stack[]! codeFlows=codeFlow[]
  relatedLocations=location[]! suppressions=suppression[]! baselineState=new|unchanged|updated|absent
  rank=rank workItemUris=uri[]! provenance=resultProvenance fixes=fix[]! taxa=reportingDescriptorReference[]!
  webRequest=webRequest webResponse=webResponse properties=bag -attachments -graphs -graphTraversals
  -hostedViewerUri
message: *text=text markdown=text id=text arguments=argument[] properties=bag
multiformatMessageString: *text=text markdown=text properties=bag
location: id=index physicalLocation=physicalLocation logicalLocations=logicalLocation[]! message=message
  annotations=region[]! relationships=locationRelationship[]! properties=bag
locationRelationship: *target=natural kinds=text[]! description=message properties=bag
physicalLocation: ?address=address ?artifactLocation=artifactLocation region=region contextRegion=region
  properties=bag
artifactLocation: *uri=text uriBaseId=text index=int description=message properties=bag
region: ?startLine=line startColumn=positive endLine=positive endColumn=positive ?charOffset=natural
  charLength=natural ?byteOffset=natural byteLength=natural snippet=artifactContent message=message
  sourceLanguage=text properties=bag
artifactContent: text=text binary=text rendered=multiformatMessageString properties=bag
logicalLocation: name=text index=int fullyQualifiedName=text decoratedName=text parentIndex=int kind=text
  properties=bag
address: absoluteAddress=index relativeAddress=int length=int kind=text name=text fullyQualifiedName=text
  offsetFromParent=int index=int parentIndex=int properties=bag
stack: message=message *frames=stackFrame[] properties=bag
stackFrame: location=location module=text threadId=int parameters=argument[] properties=bag
codeFlow: message=message *threadFlows=threadFlow[] properties=bag
threadFlow: id=text message=message initialState=multiformatMessageString{}
  immutableState=multiformatMessageString{} *locations=threadFlowLocation[] properties=bag
threadFlowLocation: index=int location=location stack=stack kinds=text[]! taxa=reportingDescriptorReference[]!
  module=text state=multiformatMessageString{} nestingLevel=natural executionOrder=index executionTimeUtc=text
  importance=important|essential|unimportant webRequest=webRequest webResponse=webResponse properties=bag
suppression: guid=guid *kind=inSource|external status=accepted|underReview|rejected justification=text
  location=location properties=bag
resultProvenance: firstDetectionTimeUtc=text lastDetectionTimeUtc=text firstDetectionRunGuid=guid
  lastDetectionRunGuid=guid properties=bag -invocationIndex -conversionSources
fix: description=message *artifactChanges=artifactChange[]! properties=bag
artifactChange: *artifactLocation=artifactLocation *replacements=replacement[] properties=bag
replacement: *deletedRegion=region insertedContent=artifactContent properties=bag
webRequest: index=int protocol=text version=text target=text method=text headers=text{} parameters=text{}
  body=artifactContent properties=bag
webResponse: index=int protocol=text version=text statusCode=int reasonPhrase=text headers=text{}
  body=artifactContent noResponseReceived=bool properties=bag
"""


@dataclasses.dataclass(frozen=True)
class Member:
    """A member of an object.

    kind: the name of an object or a scalar, or words joined by `|`.
    container: `""`, `"list"` or `"map"`.
    unique: whether the items of the list must be unique.
    """

    kind: str
    container: str
    unique: bool


@dataclasses.dataclass(frozen=True)
class Shape:
    """The members of an object.

    required: all of them must be there.
    one_of: one of them must be there, if there are any.
    left_out: members of SARIF that are not sent.
    """

    name: str
    members: dict[str, Member]
    required: tuple[str, ...]
    one_of: tuple[str, ...]
    left_out: frozenset[str]


def _member(text: str) -> Member:
    kind = text.rstrip("[]!{}")
    marks = text[len(kind) :]
    return Member(kind, "list" if "[]" in marks else "map" if "{}" in marks else "", "!" in marks)


def _shape(line: str) -> Shape:
    name, _colon, rest = line.partition(":")
    words = rest.split()
    pairs = (word.partition("=") for word in words if not word.startswith("-"))
    members = {left.lstrip("*?"): _member(right) for left, _sign, right in pairs}
    marked = {sign: tuple(w.partition("=")[0][1:] for w in words if w.startswith(sign)) for sign in "*?-"}
    return Shape(name, members, marked["*"], marked["?"], frozenset(marked["-"]))


SHAPES: dict[str, Shape] = {s.name: s for s in map(_shape, _TABLE.replace("\n  ", " ").split("\n")) if s.name}
